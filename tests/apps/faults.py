"""Does itself harm in the way that the path says: before the head, or with `?after` once a first block is out."""

import ctypes
import json
import logging
import os
import pickle
import re
import resource
import signal
import subprocess
import sys
import threading
import time

KEPT = []
GO = os.path.join(os.environ["MOD_WSGI_TEST"], "data", "go")


def hoard():
    """Takes memory until there is none, and keeps it."""
    while True:
        KEPT.append(bytearray(1 << 20))


def greedy():
    """Wants more at once than there ever is."""
    bytearray(1 << 40)


def nothing_left():
    """Leaves nothing at all, then has mod_wsgi want some: a read of the body, for one, needs a buffer."""
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    for size in (1 << 20, 1 << 16, 1 << 12, 256, 64, 48, 32, 24, 8):
        while library.malloc(ctypes.c_size_t(size)):
            pass
    print("x" * 50, file=sys.stderr)


def recurse():
    """Overflows the stack in C."""
    sys.setrecursionlimit(10 ** 9)
    deeper = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: deeper())
    deeper()


def nested(depth):
    """Lists within lists."""
    outer = []
    for _ in range(depth):
        outer = [outer]
    return outer


def deep_regex():
    """Too deep for the compiler of regular expressions."""
    re.compile("(" * 5000 + ")" * 5000)


def spin():
    """Uses the processor for ever."""
    while True:
        pass


def leak():
    """Opens files until there are no more descriptors, and keeps them."""
    while True:
        KEPT.append(open(os.devnull))


def leak_and_release():
    """The same, but gives them back."""
    try:
        leak()
    finally:
        KEPT.clear()


def leak_quietly():
    """Says nothing about it."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    try:
        leak()
    except OSError:
        pass


def close_all():
    """Closes what is not its own."""
    os.closerange(3, 4096)


def close_all_later():
    """The same, by a thread of the application, when the request is over."""
    threading.Timer(0.2, close_all).start()


def close_input():
    """Closes standard input twice; what is opened next gets its number."""
    os.close(0)
    KEPT.append(open(os.devnull))
    os.close(0)


def fork():
    """Forks, and the child goes back to the server as if it were the parent."""
    if os.fork() == 0:
        KEPT.append("child")


def lose_streams():
    """Takes Python's streams away."""
    sys.stdout = sys.stderr = None


def close_streams():
    """Closes Python's streams."""
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        try:
            stream.close()
        except (AttributeError, OSError, ValueError):
            pass


def handlers():
    """Wants signals for itself."""
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGSEGV, signal.SIGCHLD):
        try:
            signal.signal(number, signal.SIG_IGN)
        except ValueError:
            pass


def block_signals():
    """Blocks all signals in this thread."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


WAYS = {
    "hoard": hoard, "greedy": greedy, "nothing-left": nothing_left, "recurse": recurse, "spin": spin, "deep-json": lambda: json.dumps(nested(100_000)),
    "deep-pickle": lambda: pickle.dumps(nested(100_000)), "deep-regex": deep_regex, "leak": leak, "leak-and-release": leak_and_release, "leak-quietly": leak_quietly,
    "close-all": close_all, "close-all-later": close_all_later, "close-input": close_input, "fork": fork, "lose-streams": lose_streams,
    "close-streams": close_streams, "handlers": handlers, "block-signals": block_signals, "abort": os.abort,
    "exit-0": lambda: os._exit(0), "exit-3": lambda: os._exit(3), "exit": lambda: sys.exit(3),
    "segfault": lambda: ctypes.string_at(0), "raise": lambda: 1 / 0, "fine": lambda: None,
    "terminate": lambda: os.kill(os.getpid(), signal.SIGTERM), "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "print-much": lambda: print("printed " * 100_000), "logging": lambda: logging.getLogger().error("printed"),
    "subprocess": lambda: subprocess.run(["sh", "-c", "echo printed >&2; exit 0"], check=True), "errors": lambda: None,
    "print": lambda: print("printed by the application", file=sys.stderr),
}


def application(environ, start_response):
    """Answers with its process id, unless the harm prevents that."""
    if environ["PATH_INFO"] == "/file":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return (bytes(1 << 20) for _ in range(64))
    harm = WAYS[environ["PATH_INFO"].strip("/") or "fine"]
    if environ["QUERY_STRING"] == "page":
        return excused(harm, start_response)
    if environ["QUERY_STRING"] == "after":
        return late(harm, start_response)
    if environ["REQUEST_METHOD"] == "POST":
        with open(GO + ".reading", "w"):
            environ["wsgi.input"].read()
    environ["wsgi.errors"].writelines(["printed\n"] * (environ["PATH_INFO"] == "/errors"))
    harm()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


def excused(harm, start_response):
    """Shows an error page of its own."""
    try:
        harm()
    except Exception:
        start_response("500 Sorry", [("Content-Type", "text/plain")])
        return [b"an error page"]


def late(harm, start_response):
    """The harm comes when the client has the head and a block."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"begun"
    while not os.path.exists(GO):
        time.sleep(0.01)
    harm()
    yield b"done"
