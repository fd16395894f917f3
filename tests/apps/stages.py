"""Raises at the stage that PATH_INFO names. close() notes its calls in a file. Not for the validator."""

import os


class Boom(Exception):
    pass


def boom(stage):
    raise Boom(f"raised in {stage}")


class Result:
    """An iterable that fails where it is told."""

    def __init__(self, stage, path, blocks=(b"one ", b"two")):
        self.stage, self.path, self.blocks = stage, path, iter(blocks)

    def __iter__(self):
        return boom("iter") if self.stage == "iter" else self

    def __next__(self):
        if self.stage == "next" or (self.stage == "next-later" and getattr(self, "begun", False)):
            boom(self.stage)
        self.begun = True
        if self.stage == "type-later" and getattr(self, "second", False):
            return 5
        self.second = True
        return next(self.blocks)

    def close(self):
        with open(self.path, "a") as file:
            file.write("closed\n")
        if self.stage.startswith("close"):
            boom("close")


class CloseIsAProperty(Result):
    @property
    def close(self):
        if self.stage == "property-attribute":
            raise AttributeError("none here")
        boom("property")


class NoClose:
    def __iter__(self):
        return iter([b"one ", b"two"])


def application(environ, start_response):
    stage = environ["PATH_INFO"][1:]
    path = os.path.join(environ["MOD_WSGI_TEST_DATA"], environ["QUERY_STRING"])
    if stage == "call":
        boom(stage)
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    if stage == "after-start":
        boom(stage)
    if stage == "after-write":
        write(b"written ")
        boom(stage)
    if stage == "write-type":
        write("text")
    if stage.startswith("property"):
        return CloseIsAProperty(stage, path)
    if stage == "no-close":
        return NoClose()
    if stage == "close-after-error":
        return Result("close-after-error", path, iter_of_errors())
    return Result(stage, path)


def iter_of_errors():
    yield b"one "
    boom("the body")
