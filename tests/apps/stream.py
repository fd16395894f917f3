"""Streams step by step: each block but the first is made only when the test has put a file there.

PATH_INFO says how: /generator or /write. Close leaves a file as well.
"""

import os
import time


def wait_for(path):
    end = time.monotonic() + 20
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise RuntimeError(f"{path} did not come")
        time.sleep(0.005)


class Blocks:
    def __init__(self, base):
        self.base, self.step = base, 0

    def __iter__(self):
        return self

    def __next__(self):
        self.step += 1
        if self.step > 3:
            raise StopIteration
        if self.step > 1:
            wait_for(f"{self.base}.{self.step}")
        return b"block %d\n" % self.step

    def close(self):
        with open(self.base + ".closed", "a") as file:
            file.write("closed\n")


def application(environ, start_response):
    base = os.path.join(environ["MOD_WSGI_TEST_DATA"], environ["QUERY_STRING"])
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/write":
        write(b"block 1\n")
        wait_for(base + ".2")
        write(b"block 2\n")
        wait_for(base + ".3")
        return [b"block 3\n"]
    return Blocks(base)
