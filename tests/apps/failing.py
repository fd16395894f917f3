"""Applications that fail, by PATH_INFO. Not for the validator."""

import sys
import threading

late = {}


class Custom(Exception):
    pass


def inner():
    raise Custom("the reason\nin two lines")


def application(environ, start_response):
    case = environ["PATH_INFO"][1:]
    if case == "before":
        inner()
    if case == "chained":
        try:
            inner()
        except Custom as error:
            raise ValueError("the consequence") from error
    if case == "exit":
        sys.exit("leaving")
    if case == "interrupt":
        raise KeyboardInterrupt
    if case == "no-start":
        return [b"body without a head"]
    if case == "no-start-empty":
        return []
    if case == "none":
        start_response("200 OK", [])
        return None
    if case == "bad-length":
        start_response("200 OK", [("Content-Length", "many")])
        return [b"x"]
    if case == "str-block":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ["text"]
    if case in ("after", "exit-after"):
        return failing_generator(start_response, case)
    if case == "keep":
        late.update(input=environ["wsgi.input"], start=start_response, errors=environ["wsgi.errors"])
        late["write"] = start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"kept"]
    if case == "late":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ["\n".join(late_use()).encode()]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"fine"]


def failing_generator(start_response, case):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first block"
    if case == "exit-after":
        sys.exit(3)
    inner()


def late_use():
    calls = [lambda: late["input"].read(1), lambda: late["input"].readline(), lambda: list(late["input"]),
             lambda: late["start"]("200 OK", []), lambda: late["write"](b"x")]
    results = []

    def run(call):
        try:
            call()
            results.append("accepted")
        except Exception as error:
            results.append(type(error).__name__)

    for call in calls:  # half of them from another thread
        run(call)
        thread = threading.Thread(target=run, args=(call,))
        thread.start()
        thread.join()
    return results
