"""Every way in which a response can end; close() notes each of its calls in a file.

Not for the validator: most of these break the rules on purpose.
"""

import os


class Body:
    def __init__(self, path, blocks, error=None, close_error=None):
        self.path, self.blocks, self.error, self.close_error = path, blocks, error, close_error

    def __iter__(self):
        yield from self.blocks
        if self.error:
            raise self.error

    def close(self):
        with open(self.path, "a") as file:
            file.write("closed\n")
        if self.close_error:
            raise self.close_error


class NotIterable(Body):
    __iter__ = None


def application(environ, start_response):
    path = os.path.join(environ["MOD_WSGI_TEST_DATA"], environ["QUERY_STRING"])
    way = environ["PATH_INFO"][1:]
    if way != "no-start":
        start_response("200 OK", [("Content-Type", "text/plain")])
    if way == "empty":
        return Body(path, [])
    if way == "before":
        return Body(path, [], RuntimeError("before the head"))
    if way == "after":
        return Body(path, [b"some"], RuntimeError("after the head"))
    if way == "str":
        return Body(path, ["not bytes"])
    if way == "not-iterable":
        return NotIterable(path, [])
    if way == "close-raises":
        return Body(path, [b"whole"], close_error=RuntimeError("in close"))
    if way == "endless":
        return Body(path, iter(lambda: b"x" * 65536, None))
    return Body(path, [b"some ", b"body"])
