"""Reads wsgi.input as the X-Operations header says (a JSON list of calls) and answers with the results."""

import json


def call(stream, name, *arguments):
    if name == "iterate":
        return [line for line in stream]
    if name == "next":
        return next(iter(stream), None)
    try:
        return getattr(stream, name)(*arguments)
    except Exception as error:
        return type(error).__name__


def application(environ, start_response):
    results = [repr(call(environ["wsgi.input"], *operation)) for operation in json.loads(environ["HTTP_X_OPERATIONS"])]
    body = json.dumps(results).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
