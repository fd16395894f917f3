"""Breaks the rules of start_response and write() one by one, and answers with what was raised.

Not for the validator. PATH_INFO names the case.
"""

import sys

CONTENT = [("Content-Type", "text/plain")]


def boom():
    try:
        raise KeyError("original")
    except KeyError:
        return sys.exc_info()


CALLS = {
    "headers-tuple": ("200 OK", tuple(CONTENT)),
    "headers-none": ("200 OK", None),
    "status-bytes": (b"200 OK", CONTENT),
    "status-int": (200, CONTENT),
    "status-unicode": ("200 \u20ac", CONTENT),
    "status-short": ("20", CONTENT),
    "status-letters": ("abc OK", CONTENT),
    "status-four-digits": ("2000 OK", CONTENT),
    "status-no-space": ("200OK", CONTENT),
    "status-control": ("200 O\nK", CONTENT),
    "header-list": ("200 OK", [["X-A", "b"]]),
    "header-three": ("200 OK", [("X-A", "b", "c")]),
    "name-bytes": ("200 OK", [(b"X-A", "b")]),
    "name-empty": ("200 OK", [("", "b")]),
    "name-space": ("200 OK", [("X A", "b")]),
    "name-unicode": ("200 OK", [("X-\u20ac", "b")]),
    "value-int": ("200 OK", [("X-A", 1)]),
    "value-newline": ("200 OK", [("X-A", "b\nX-B: c")]),
    "value-return": ("200 OK", [("X-A", "b\rc")]),
    "value-unicode": ("200 OK", [("X-A", "\u20ac")]),
    "exc-info-list": ("200 OK", CONTENT, []),
    "no-arguments": (),
    "one-argument": ("200 OK",),
    "keyword": None,
}


def attempt(function, *arguments, **keywords):
    try:
        function(*arguments, **keywords)
        return "accepted"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def after_output(environ, start_response):
    write = start_response("200 OK", CONTENT)
    write(b"begun|")
    write(attempt(start_response, "500 Oops", CONTENT).encode() + b"|")
    write(attempt(start_response, "500 Oops", CONTENT, boom()).encode() + b"|")
    return [attempt(write, "text").encode()]


def application(environ, start_response):
    case = environ["PATH_INFO"][1:]
    if case == "after-output":
        return after_output(environ, start_response)
    if case == "replaced":
        start_response("200 OK", [("X-First", "yes")])
        start_response("418 Teapot", [("X-Second", "yes"), ("Content-Type", "text/plain")], boom())
        return [b"replaced"]
    if case == "empty-write":
        write = start_response("200 OK", CONTENT)
        write(b"")
        return [attempt(start_response, "200 OK", CONTENT).encode()]
    if case == "empty-blocks-first":
        start_response("200 OK", CONTENT)
        return (block for block in [b"", b"", attempt(start_response, "201 Created", CONTENT, boom()).encode()])
    if case == "keyword":
        result = attempt(start_response, status="200 OK", headers=CONTENT)
    else:
        result = attempt(start_response, *CALLS[case])
    start_response("200 OK", CONTENT)
    return [result.encode()]
