"""Writes without an end and notes what write() and wsgi.input say when the client has gone."""

import os


def note(environ, text):
    path = os.path.join(environ["MOD_WSGI_TEST_DATA"], environ["QUERY_STRING"])
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def application(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "application/octet-stream")])
    try:
        for _ in range(100_000):
            write(b"x" * 65536)
        note(environ, "no end")
    except BaseException as error:
        first = type(error).__name__
        try:
            write(b"again")
            second = "accepted"
        except Exception as error:
            second = type(error).__name__
        note(environ, f"{first} {second}")
    return []
