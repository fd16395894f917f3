"""Answers what wsgi.file_wrapper does when it is called in the way that PATH_INFO names. Not for the validator."""

import io


class File:
    def __init__(self, blocks, close_error=None):
        self.blocks, self.close_error, self.sizes, self.closes = list(blocks), close_error, [], 0

    def read(self, size):
        self.sizes.append(size)
        return self.blocks.pop(0) if self.blocks else b""

    def close(self):
        self.closes += 1
        if self.close_error:
            raise self.close_error


def attempt(function, *arguments, **keywords):
    try:
        return repr(function(*arguments, **keywords))
    except Exception as error:
        return type(error).__name__


def cases(wrapper):
    file = File([b"a", b"bc"])
    made = wrapper(file)
    yield "defaults", (made.filelike is file, made.blksize)
    yield "iterated", (list(made), file.sizes)
    yield "keywords", wrapper(filelike=file, blksize=3).blksize
    yield "read-only", (attempt(setattr, made, "filelike", 1), attempt(setattr, made, "blksize", 1))
    yield "arguments", (attempt(wrapper), attempt(wrapper, file, "x"), attempt(wrapper, file, -1), attempt(wrapper, file, 1, 2))
    yield "text", attempt(list, wrapper(File(["text"])))
    yield "closing", (attempt(wrapper(file).close), file.closes)
    yield "close fails", attempt(wrapper(File([], OSError("no"))).close)
    closed = wrapper(File([b"x"]))
    closed.close()
    yield "after close", (attempt(list, closed), attempt(next, iter([])))
    bare = type("Bare", (), {"read": lambda self, size: b""})()
    yield "no close", attempt(lambda: wrapper(bare).close())
    own = type("Own", (wrapper,), {"extra": 5})(io.BytesIO(b"derived"))
    yield "derived", (list(own), own.extra)
    yield "iterable", iter(made) is not None


def application(environ, start_response):
    wrapper = environ["wsgi.file_wrapper"]
    case = environ["PATH_INFO"][1:]
    if case == "derived-sent":
        start_response("200 OK", [])
        return type("Own", (wrapper,), {})(open(__file__, "rb"))
    if case == "after-output":
        start_response("200 OK", [])(b"before ")
        return wrapper(io.BytesIO(b"and after"))
    if case == "file-after-output":
        start_response("200 OK", [])(b"before ")
        return wrapper(open(__file__, "rb"))
    if case == "pipe":
        import os
        reader, writer = os.pipe()
        os.write(writer, b"through a pipe")
        os.close(writer)
        start_response("200 OK", [])
        return wrapper(os.fdopen(reader, "rb"))
    if case == "text-file":
        start_response("200 OK", [])
        return wrapper(open(__file__))
    if case == "position":
        file = open(__file__, "rb")
        file.seek(3)
        start_response("200 OK", [])
        return Kept(wrapper, file)
    if case == "deleted":
        import os, tempfile
        handle, name = tempfile.mkstemp(dir=environ["MOD_WSGI_TEST_DATA"])
        os.write(handle, b"deleted file")
        os.lseek(handle, 0, 0)
        os.unlink(name)
        start_response("200 OK", [])
        return wrapper(os.fdopen(handle, "rb"))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["".join(f"{name}: {result}\n" for name, result in cases(wrapper)).encode()]


def Kept(wrapper, file):
    return wrapper(file, 100)
