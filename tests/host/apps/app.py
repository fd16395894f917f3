"""Applications of the checks, one callable each."""

import io
import os
import sys
import tempfile

TEXT = [("Content-Type", "text/plain")]
KEPT = {}


def application(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"hello ", b"", b"world"]


def items(environ, start_response):
    start_response("200 OK", TEXT)
    for key, value in environ.items():
        yield f"{key}={value!r}\n".encode("utf-8", "backslashreplace")


def echo(environ, start_response):
    start_response("200 OK", TEXT)
    return [environ["wsgi.input"].read()]


def evaluate(environ, start_response):
    """Runs what QUERY_STRING says, with `input`, and returns its repr."""
    names = {"input": environ["wsgi.input"], "environ": environ, "start": start_response, "kept": KEPT}
    value = repr(eval(environ["QUERY_STRING"], globals(), names)).encode()
    start_response("200 OK", TEXT)
    return [value]


def lines(environ, start_response):
    stream, found = environ["wsgi.input"], []
    found.append(stream.readline())
    found.append(stream.readline(2))
    found.append(stream.readline(0))
    found.append(stream.read(3))
    found.append(next(stream))
    found.append(stream.readlines(1))
    found += list(stream)
    found.append((stream.read(), stream.read(5), stream.readline(), stream.readlines(), stream.close()))
    start_response("200 OK", TEXT)
    return [repr(found).encode()]


def failing_input(environ, start_response):
    found = []
    for _ in range(2):
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            found.append(str(error))
    start_response("200 OK", TEXT)
    return [repr(found).encode()]


def check_start(environ, start_response):
    """Which exception start_response raises for the arguments in QUERY_STRING."""
    try:
        start_response(*eval(environ["QUERY_STRING"]))
        outcome = "none"
    except Exception as error:
        outcome = type(error).__name__
    start_response("200 OK", TEXT)
    return [outcome.encode()]


class Closing:
    """An iterable that counts its closes."""

    def __init__(self, pieces, close=None):
        self.pieces, self.closed, self.on_close = pieces, 0, close

    def __iter__(self):
        return iter(self.pieces)

    def close(self):
        self.closed += 1
        if self.on_close:
            self.on_close()


def closing(environ, start_response):
    start_response("200 OK", TEXT)
    KEPT["closing"] = Closing(KEPT.pop("pieces", [b"a", b"b"]), KEPT.pop("close", None))
    return KEPT["closing"]


def raise_before(environ, start_response):
    raise ValueError("before the head")


def raise_started(environ, start_response):
    start_response("200 OK", TEXT)
    raise ValueError("after start_response")


def raise_after(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"first"
    raise ValueError("after the head")


def chained(environ, start_response):
    try:
        raise KeyError("the cause")
    except KeyError as error:
        raise ValueError("the effect") from error


class Incomparable(Exception):
    def __eq__(self, other):
        raise TypeError("not to be compared")

    __hash__ = None


def incomparable(environ, start_response):
    try:
        raise Incomparable("the cause")
    except Incomparable as error:
        raise Incomparable("the effect") from error


def leave(environ, start_response):
    sys.exit(3)


def exc_info_before(environ, start_response):
    start_response("200 OK", TEXT)
    try:
        raise ValueError("late")
    except ValueError:
        start_response("500 Oh", TEXT, sys.exc_info())
    return [b"replaced"]


def exc_info_after(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"out"
    try:
        raise ValueError("the original")
    except ValueError:
        start_response("500 Oh", TEXT, sys.exc_info())


def again_after(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"out"
    start_response("200 OK", TEXT)


def writing(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"one")
    write(b"two")
    KEPT["write"], KEPT["start"], KEPT["input"] = write, start_response, environ["wsgi.input"]
    return [b"three"]


def late(environ, start_response):
    """What is kept of an earlier request raises."""
    found = []
    for call in (lambda: KEPT["write"](b"x"), lambda: KEPT["start"]("200 OK", []), KEPT["input"].read, KEPT["input"].readline,
                 lambda: next(KEPT["input"])):
        try:
            call()
        except RuntimeError as error:
            found.append(type(error).__name__)
    start_response("200 OK", TEXT)
    return [repr(found).encode()]


def write_text(environ, start_response):
    write = start_response("200 OK", TEXT)
    write("text")


def not_bytes(environ, start_response):
    start_response("200 OK", TEXT)
    return ["text"]


def no_start(environ, start_response):
    return [b"body"]


def no_start_empty(environ, start_response):
    return []


def nothing(environ, start_response):
    return None


def sized(environ, start_response):
    """Status, Content-Length and pieces by QUERY_STRING."""
    status, length, pieces = eval(environ["QUERY_STRING"])
    start_response(status, TEXT + ([("Content-Length", length)] if length is not None else []))
    return pieces if isinstance(pieces, (list, tuple)) else (piece for piece in [pieces])


def stream(environ, start_response):
    start_response("200 OK", TEXT)
    yield b""
    yield b"a"
    yield b""
    yield b"b"


def big(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"x" * 300_000, b"y" * 300_000]


def until_gone(environ, start_response):
    KEPT["yielded"] = 0
    start_response("200 OK", TEXT)
    try:
        while True:
            KEPT["yielded"] += 1
            yield b"more"
    finally:
        KEPT["closed"] = True


def write_until_gone(environ, start_response):
    write = start_response("200 OK", TEXT)
    try:
        while True:
            write(b"more")
    except OSError as error:
        KEPT["gone"] = str(error)
    return []


def file(environ, start_response):
    """A file of ten bytes from its third on; QUERY_STRING is its Content-Length."""
    handle = tempfile.TemporaryFile()
    handle.write(b"0123456789")
    handle.flush()
    handle.seek(3)
    length = environ["QUERY_STRING"]
    start_response("200 OK", TEXT + ([("Content-Length", length)] if length else []))
    KEPT["file"] = handle
    return environ["wsgi.file_wrapper"](handle, 4)


def file_like(environ, start_response):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"0123456789"), blksize=4)


def printing(environ, start_response):
    print("on stdout")
    print("part of a line, ", end="")
    print("and its end")
    print("two\nlines", file=sys.stderr)
    environ["wsgi.errors"].write("no end")
    sys.stdout.buffer.write(b"bytes\n")
    print("\udcff surrogate", file=sys.stderr)
    assert sys.stdout.fileno() == sys.stderr.fileno() == 2 and not sys.stdout.isatty() and sys.stdout.writable()
    start_response("200 OK", TEXT)
    return [b"x"]


def log_record(environ, start_response):
    import logging

    import mod_wsgi

    logger = logging.getLogger("check")
    logger.addHandler(mod_wsgi.LogHandler())
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.warning("a warning")
    logger.debug("a detail")
    start_response("200 OK", TEXT)
    return [b"x"]


def attributes(environ, start_response):
    import apache
    import mod_wsgi

    found = {name: getattr(mod_wsgi, name) for name in
             ("version", "process_group", "application_group", "maximum_processes", "threads_per_process")}
    found["apache"] = apache.version, apache.description, apache.mpm_name
    found["same"] = mod_wsgi.FileWrapper is environ["wsgi.file_wrapper"]
    found["data"] = mod_wsgi.request_data() is mod_wsgi.active_requests[environ["mod_wsgi.request_id"]]
    found["timeout"] = mod_wsgi.RequestTimeout.__bases__
    found["argv"], found["name"] = sys.argv, __name__
    found["file"] = __file__
    start_response("200 OK", TEXT)
    return [repr(found).encode()]


def observe(environ, start_response):
    """Subscribes to the events of the requests that follow."""
    import mod_wsgi

    KEPT["events"] = events = []

    @mod_wsgi.subscribe_events
    def on_event(name, **payload):
        events.append((name, payload))
        if name == "request_started" and environ["QUERY_STRING"] == "replace":
            return {"application_object": raise_started}
        if name == "request_finished":
            raise ValueError("a subscriber's fault")

    start_response("200 OK", TEXT)
    return [b"x"]


def observed(environ, start_response):
    events = KEPT.pop("events")
    import mod_wsgi

    mod_wsgi.event_callbacks.clear()
    start_response("200 OK", TEXT)
    return [repr([(name, sorted(payload)) for name, payload in events]).encode()]


def signals(environ, start_response):
    import signal

    found = signal.getsignal(signal.SIGTERM), signal.signal(signal.SIGTERM, print) is print
    start_response("200 OK", TEXT)
    return [repr(found + (signal.getsignal(signal.SIGTERM),)).encode()]


def stdin(environ, start_response):
    try:
        sys.stdin.read()
    except OSError as error:
        start_response("200 OK", TEXT)
        return [str(error).encode()]


def work(environ, start_response):
    """For the stress test: some of everything that crosses between Python and Rust."""
    import mod_wsgi

    stream = environ["wsgi.input"]
    first, rest = stream.read(4), stream.read()
    assert (first, rest) == (b"body", b" of the request"), (first, rest)
    mod_wsgi.request_data()["key"] = environ
    try:
        start_response("bad", [])
    except ValueError:
        pass
    try:
        stream.read("x")
    except TypeError:
        pass
    KEPT["late"] = stream, start_response  # of whichever request was last

    def iterate():
        yield b"one"
        try:
            KEPT["late"][0].readline()
        except RuntimeError:
            pass
        yield b"two"

    if id(environ) // 16 % 2:
        start_response("200 OK", TEXT)
        return [b"whole"]
    write = start_response("200 OK", [("Content-Type", "text/plain"), ("X-Long", "y" * 200)])
    write(b"written")
    return iterate()


def worker_threads(environ, start_response):
    """Threads of the application's own, which come to our types without having been attached by us."""
    import threading

    stream, found = environ["wsgi.input"], []

    def run():
        try:
            while piece := stream.read(1000):
                found.append(piece)
            stream.read("x")
        except TypeError:
            pass

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    start_response("200 OK", TEXT)
    return [str(sum(map(len, found))).encode()]


def at_end(environ, start_response):
    """Says on stderr when each part of the end of an interpreter comes."""
    import atexit
    import threading
    import time

    import mod_wsgi

    group = environ["mod_wsgi.application_group"]
    stopping = threading.Event()

    @mod_wsgi.subscribe_shutdown
    def on_stop(name, shutdown_reason):
        print(f"[{group}] {name} {shutdown_reason}", file=sys.stderr)
        stopping.set()

    def background():
        stopping.wait()
        time.sleep(0.05)
        print(f"[{group}] thread done", file=sys.stderr)

    threading.Thread(target=background, daemon=False).start()  # threads that request threads start are daemons else
    atexit.register(lambda: print(f"[{group}] atexit", end="", file=sys.stderr))
    start_response("200 OK", TEXT)
    return [b"x"]


def forking(environ, start_response):
    """os.fork from whatever interpreter this is; the child, if it lives, just ends."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    start_response("200 OK", TEXT)
    return [b"x"]


def gilstate(environ, start_response):
    """A callback of a C extension that uses the GILState interface must come back to this interpreter."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.create_function("group_of", 0, lambda: sys.modules["mod_wsgi"].application_group)
    found = connection.execute("select group_of()").fetchone()[0]
    connection.close()
    start_response("200 OK", TEXT)
    return [found.encode()]


def printing_child(environ, start_response):
    """A forked copy prints: that must not go out on the connection of the request, which is the parent's."""
    pid = os.fork()
    if pid == 0:
        print("from the copy", flush=True)
        os._exit(0 if isinstance(sys.stdout, io.TextIOBase) else 1)
    assert os.waitpid(pid, 0)[1] == 0
    start_response("200 OK", TEXT)
    return [b"x"]


def importing(environ, start_response):
    """Imports the module that MODULE names."""
    __import__(environ["MODULE"])
    start_response("200 OK", TEXT)
    return [b"imported"]


def importing_badly(environ, start_response):
    """Hides why the import failed."""
    try:
        return importing(environ, start_response)
    except ImportError:
        raise ValueError("a wrapped reason") from None


def hold_gil(environ, start_response):
    """Says on READY that it is there, and waits for a byte from FD without letting go of the GIL."""
    import ctypes

    library, byte = ctypes.PyDLL(None), ctypes.create_string_buffer(1)
    library.write(int(environ["READY"]), byte, 1)
    count = library.read(int(environ["FD"]), byte, 1)
    start_response("200 OK", TEXT)
    return [str(count).encode()]
