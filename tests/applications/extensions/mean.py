"""numpy: an extension that Python may load once in a process."""

import numpy


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"numpy says {numpy.mean([1, 2, 3])}".encode()]
