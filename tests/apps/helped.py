"""Threads of the application's own: one that reads the body while others print, one that outlives the request."""

import os
import sys
import threading
import time

KEPT = {}


def reads(environ):
    """A thread that reads the whole body and says how that ended."""

    def run():
        try:
            print("read", len(environ["wsgi.input"].read()), file=sys.stderr)
        except Exception as error:
            print("the reader got", repr(error), file=sys.stderr)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def printing(environ):
    """Prints while the thread waits for the body; the file says that it could."""
    thread = reads(environ)
    for number in range(50):
        print("printed", number)
        environ["wsgi.errors"].write(f"to errors {number}\n")
        time.sleep(0.01)
    with open(os.path.join(environ["MOD_WSGI_TEST_DATA"], "printed"), "w", encoding="ascii"):
        pass
    thread.join()


def leaving(environ):
    """Ends while the thread waits for the body."""
    reads(environ)
    time.sleep(0.3)


def helping(environ):
    """A thread writes to the request's log, in pieces; what remains of a line comes at the end."""
    errors = environ["wsgi.errors"]

    def run():
        errors.write("from a ")
        errors.writelines(["thread\n", "and the ", "rest"])
        print("of no request", file=sys.stderr, flush=True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    KEPT["errors"] = errors


def late(environ):
    """What is left of an earlier request raises."""
    for call in (lambda: KEPT["errors"].write("late\n"), KEPT["errors"].flush):
        try:
            call()
        except RuntimeError as error:
            yield str(error)


def application(environ, start_response):
    said = globals()[environ["QUERY_STRING"]](environ)
    body = "|".join(said or ("done",)).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
