"""Requests that take their time in several ways; the reason for which the process ends is left in a file."""

import ctypes
import os
import time

import mod_wsgi

DATA = os.path.join(os.environ["MOD_WSGI_TEST"], "data")


def ending(name, **event):
    """Leaves the reason in the folder of the tests."""
    with open(f"{DATA}/reasons", "a") as file:
        file.write(f"{os.getpid()} {event['shutdown_reason']}\n")


mod_wsgi.subscribe_shutdown(ending)


def patient(seconds):
    """Python code runs now and then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.02)


def stubborn(seconds):
    """Catches what is raised in it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.02)
        except BaseException:
            pass


def busy(seconds):
    """Uses the processor."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def spin(seconds):
    """Python code runs all the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def locked(_seconds):
    """Waits in C, for ever, without giving Python's lock back."""
    library, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)


WAYS = {"/patient": patient, "/stubborn": stubborn, "/busy": busy, "/spin": spin, "/locked": locked, "/asleep": time.sleep}


def application(environ, start_response):
    """Does what the path says for as many seconds as the query says."""
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    mark = environ.get("HTTP_X_MARK")
    if mark:
        with open(f"{DATA}/{mark}.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(f"{DATA}/{mark}.new", f"{DATA}/{mark}")
    if path == "/segfault":
        ctypes.string_at(0)
    if path == "/abort":
        os.abort()
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return stream(float(query))
    WAYS.get(path, lambda seconds: None)(float(query.partition("&")[0] or 0))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


def stream(seconds):
    """A piece, and after a while another one."""
    yield b"begun"
    patient(seconds)
    yield b"done"
