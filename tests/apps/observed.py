"""Subscribes to events, and answers with those of the requests before. The path says what the request does."""

import json
import time

import mod_wsgi

seen = []


def shown(value):
    if isinstance(value, (str, int, float, list, type(None))):
        return value
    if isinstance(value, tuple):
        return [getattr(item, "__name__", repr(item)) for item in value]
    return type(value).__name__


@mod_wsgi.subscribe_events
def note(name, **payload):
    data = payload.get("request_data")
    if name == "request_started":
        if payload["request_environ"]["PATH_INFO"] == "/events":
            data["quiet"] = True
        payload["request_environ"]["noted"] = "yes"
    if not (data and data.get("quiet")):
        seen.append([name, {key: shown(value) for key, value in payload.items()}])


def items(*given):
    yield from given


class Closing:
    def __init__(self, given, error):
        self.given, self.error = given, error

    def __iter__(self):
        return iter(self.given)

    def close(self):
        raise self.error


def application(environ, start_response):
    case = environ["PATH_INFO"].strip("/")
    status, headers = "200 OK", [("Content-Type", "text/plain"), ("X-Mine", "1")]
    body = [b"body"]
    if case == "events":
        body = [json.dumps(seen).encode()]
        seen.clear()
    elif case == "raise":
        raise KeyError("before the head")
    elif case == "timeout":
        raise mod_wsgi.RequestTimeout
    elif case == "read":
        environ["wsgi.input"].readline()
        environ["wsgi.input"].read()
    elif case == "work":
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
    elif case == "twice":
        start_response("404 Not Found", [])
        try:
            raise ValueError("on the way")
        except ValueError as error:
            start_response("501 Later", headers, (ValueError, error, error.__traceback__))
        return body
    elif case == "noted":
        body = [environ["noted"].encode()]
    elif case == "excess":
        headers, body = [("Content-Length", "2")], items(b"123", b"456")
    elif case == "status":
        status = "299 Fine"
    write = start_response(status, headers)
    if case == "write":
        write(b"1234")
        write(b"")
        return items(b"", b"567")
    if case == "iterate":
        return (1 / 0 for _ in range(1))
    if case == "close":
        return Closing([b"x"], RuntimeError("in close"))
    if case == "timeout-in-close":
        return Closing([b"x"], mod_wsgi.RequestTimeout())
    return body
