"""A response of `size` bytes, made as `kind` says; `name` is the file in which its end is noted, and its progress.

The bytes are numbers of eight digits, so that a gap or a repetition shows.
"""

import io
import os
import time
from urllib.parse import parse_qsl

BLOCK = 65536


def content(size, start=0):
    """The bytes from `start` to `size`."""
    first = start // 8
    text = b"".join(b"%08d" % number for number in range(first, (size + 7) // 8))
    return text[start - first * 8 : size - first * 8]


class Noted:
    """Blocks whose end is noted when the server closes them."""

    def __init__(self, blocks, note):
        self.blocks, self.note = iter(blocks), note

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.blocks)

    def close(self):
        self.note("end")


def application(environ, start_response):
    asked = dict(parse_qsl(environ["QUERY_STRING"]))
    data, size, kind = environ["MOD_WSGI_TEST_DATA"], int(asked["size"]), asked.get("kind", "generator")

    def note(text):
        path = os.path.join(data, asked.get("name", "unnamed"))
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(path + ".new", path)

    headers = [("Content-Type", "text/plain")] + ([("Content-Length", str(size))] if "length" in asked else [])
    write = start_response("200 OK", headers)
    whole = content(size) if kind != "endless" else b""
    if kind == "list":
        return Closing([whole], note)
    if kind == "write":
        for at in range(0, size, BLOCK):
            write(whole[at : at + BLOCK])
        return Noted([], note)
    if kind == "file":
        path = os.path.join(data, asked["name"] + ".content")
        with open(path, "wb") as file:
            file.write(whole)
        return environ["wsgi.file_wrapper"](Watched(path, note))
    if kind == "endless":
        return Noted(counted(note, int(asked.get("swift", "100")), float(asked.get("pause", "0"))), note)
    return Noted(paced(whole, int(asked.get("block", BLOCK)), float(asked.get("pause", "0"))), note)


def paced(whole, length, pause):
    """Blocks of that length, with a pause after each."""
    for at in range(0, len(whole), length):
        yield whole[at : at + length]
        time.sleep(pause)


def counted(note, swift, pause):
    """Blocks without end, whose number is noted; with a pause after each once there are so many."""
    number = 0
    while True:
        note(str(number))
        if number >= swift:
            time.sleep(pause)
        number += 1
        yield content(number * BLOCK, (number - 1) * BLOCK)


class Watched(io.FileIO):
    """A file whose end of use is noted."""

    def __init__(self, path, note):
        super().__init__(path)
        self.note = note

    def close(self):
        if not self.closed:
            self.note("end")
        super().close()


class Closing(list):
    """A list of blocks whose end is noted."""

    def __init__(self, blocks, note):
        super().__init__(blocks)
        self.note = note

    def close(self):
        self.note("end")
