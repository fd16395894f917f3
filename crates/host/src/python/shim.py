"""What an application sees of mod_wsgi besides WSGI itself.

Run once in each interpreter. `host` holds a few Rust functions, `settings` plain values (see shim.rs):
host.write(error, text), host.flush(error), host.record(level, text, file, line), host.enabled(level),
host.request_data(). Log levels are httpd's numbers.
"""

import atexit
import io
import os
import sys
import threading
import types

CRIT, ERROR, WARN, NOTICE, INFO, DEBUG = 2, 3, 4, 5, 6, 7
MAIN_PID = os.getpid()


# Log streams: one object for each name; the thread that writes decides whose log it is.


class Log(io.TextIOBase):
    """Lines go to the error log of the request that the thread serves, else to the server's."""

    encoding = "utf-8"
    errors = "replace"
    line_buffering = True
    write_through = True
    mode = "w"

    def __init__(self, name, error):
        self.name = name
        self.buffer = LogBuffer(self)
        self._error = error

    def __repr__(self):
        return f"<mod_wsgi.Log name={self.name!r} encoding='utf-8'>"

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        host.write(self._error, text)
        return len(text)

    def flush(self):
        host.flush(self._error)

    def writable(self):
        return True

    def fileno(self):
        return 2  # where a process that the application starts may write

    def close(self):
        self.flush()


class LogBuffer(io.RawIOBase):
    """The binary side of a log stream."""

    mode = "wb"

    def __init__(self, log):
        self._log = log

    @property
    def name(self):
        return self._log.name

    def write(self, data):
        data = data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data)
        self._log.write(data.decode("utf-8", "replace"))
        return len(data)

    def flush(self):
        self._log.flush()

    def writable(self):
        return True

    def fileno(self):
        return self._log.fileno()

    def close(self):
        self.flush()


Log.__module__ = LogBuffer.__module__ = "mod_wsgi"


class Restricted:
    """Stands for a stream that the application must not touch."""

    __module__ = "mod_wsgi"

    def __init__(self, name, directive):
        object.__setattr__(self, "_what", f"{name} is not available under mod_wsgi ({directive} is on)")

    def __getattribute__(self, name):
        raise OSError(object.__getattribute__(self, "_what"))


# Tracebacks


def record(level, text, file="", line=0):
    host.record(level, text, file, line)


def describe(error):
    """The type's name of an exception and its whole traceback, without our own frames."""
    import traceback

    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        lines = traceback.TracebackException(type(error), error, trace).format()
        return type(error).__name__, "".join(lines).rstrip("\n")
    except Exception as second:  # a broken __str__ or __repr__ of the application's
        return type(error).__name__, f"(no traceback: formatting it raised {type(second).__name__})"


def report(error, what):
    """Logs an exception that has nowhere else to go."""
    name, text = describe(error)
    record(ERROR, f"{name} exception raised by {what}\n{text}")


# Scripts


def load(path, mtime):
    """Runs a script as a new module and returns its namespace. What it raises goes to the caller, and nothing stays."""
    from hashlib import md5

    key = path if settings["case_sensitive"] else path.lower()
    name = "_mod_wsgi_" + md5(os.fsencode(key), usedforsecurity=False).hexdigest()
    sys.modules.pop(name, None)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    module = types.ModuleType(name)
    module.__file__ = path
    module.__mtime__ = mtime
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except BaseException:
        if sys.modules.get(name) is module:
            del sys.modules[name]
        raise
    return module.__dict__


def candidates(namespace):
    """Names that an administrator may have meant as the callable."""
    found = [
        name
        for name, value in namespace.items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == namespace["__name__"]
    ]
    return ", ".join(sorted(found)[:10])


# Events

event_callbacks, shutdown_callbacks, signal_callbacks = [], [], []
active_requests = {}


def subscribe_events(callback):
    event_callbacks.append(callback)
    return callback


def subscribe_shutdown(callback):
    shutdown_callbacks.append(callback)
    return callback


def subscribe_signals(callback):
    if settings["process_group"]:
        signal_callbacks.append(callback)
    else:
        import traceback

        stack = "".join(traceback.format_stack(sys._getframe(1))).rstrip("\n")
        record(INFO, f"subscribe_signals has no effect: an embedded process gets no signals for applications\n{stack}")
    return callback


def publish(name, payload, further=()):
    """Calls the subscribers in order; a dictionary that one returns changes the payload for all that follow."""
    for callback in [*event_callbacks, *further]:
        try:
            change = callback(name, **payload)
            if isinstance(change, dict):
                payload.update(change)
        except BaseException as error:
            report(error, f"a subscriber of the event {name}")
    return payload


def stopping(reason):
    publish("process_stopping", {"shutdown_reason": reason}, shutdown_callbacks)


def signal_arrived(name, number):
    publish("process_signal", {"signame": name, "signum": number}, signal_callbacks)


def end():
    """What Python does at its end, without ending it."""
    # To threading the thread that set the interpreter up is the main one, and elsewhere _shutdown waits for it for ever.
    threading._main_thread._ident = threading.get_ident()
    # For threading the thread that imported it is the main one; before 3.13, _shutdown waits for that one for ever when
    # another thread calls it.
    if hasattr(threading._main_thread, "_tstate_lock"):
        threading._main_thread._ident = threading.get_ident()
    for step in (threading._shutdown, atexit._run_exitfuncs):
        try:
            step()
        except BaseException as error:
            report(error, "the end of the interpreter")
    host.flush(False)
    host.flush(True)


# The modules mod_wsgi and apache


class RequestTimeout(BaseException):
    """Raised in an application whose request has run longer than interrupt-timeout."""


class FileWrapper:
    """wsgi.file_wrapper: iterates over a file-like object; httpd sends a real file by itself."""

    __slots__ = ("_filelike", "_blksize", "_closed")

    def __init__(self, filelike, blksize=8192):
        if blksize < 0:
            raise ValueError("blksize must not be negative")
        self._filelike = filelike
        self._blksize = blksize
        self._closed = False

    @property
    def filelike(self):
        return self._filelike

    @property
    def blksize(self):
        return self._blksize

    def __iter__(self):
        return self

    def __next__(self):
        if self._closed:
            raise ValueError("file wrapper is closed")
        data = self._filelike.read(self._blksize)
        if not isinstance(data, bytes):
            raise TypeError(f"file wrapper: read() returned {type(data).__name__} where bytes are needed")
        if not data:
            raise StopIteration
        return data

    def close(self):
        if not self._closed:
            self._closed = True
            try:
                close = self._filelike.close
            except AttributeError:
                return
            try:
                close()
            except Exception:
                pass


def log_handler():
    import logging

    class LogHandler(logging.Handler):
        """Writes records to httpd's error log at their own level, with their own source place."""

        def emit(self, entry):
            level = entry.levelno
            level = CRIT if level >= 50 else ERROR if level >= 40 else WARN if level >= 30 else INFO if level >= 20 else DEBUG
            if not host.enabled(level):
                return
            try:
                record(level, self.format(entry), entry.pathname, entry.lineno)
            except Exception:
                self.handleError(entry)

    LogHandler.__module__ = "mod_wsgi"
    LogHandler.__qualname__ = "LogHandler"
    return LogHandler


def make_mod_wsgi():
    module = types.ModuleType("mod_wsgi")
    try:
        import mod_wsgi as package  # for mod_wsgi.server and its like

        module.__path__ = list(package.__path__)
    except ModuleNotFoundError as error:
        if error.name != "mod_wsgi":
            report(error, "the package mod_wsgi")
    except Exception as error:
        report(error, "the package mod_wsgi")

    def lazily(name):  # importing logging takes milliseconds, and few applications want it from here
        if name == "LogHandler":
            module.LogHandler = log_handler()
            return module.LogHandler
        raise AttributeError(f"module 'mod_wsgi' has no attribute {name!r}")

    module.__getattr__ = lazily
    for thing in (RequestTimeout, FileWrapper, subscribe_events, subscribe_shutdown, subscribe_signals):
        thing.__module__ = "mod_wsgi"
        setattr(module, thing.__name__, thing)
    module.request_data = host.request_data
    module.active_requests = active_requests
    module.event_callbacks = event_callbacks
    module.shutdown_callbacks = shutdown_callbacks
    module.signal_callbacks = signal_callbacks
    module.version = settings["version"]
    for name in ("process_group", "application_group", "maximum_processes", "threads_per_process"):
        setattr(module, name, settings[name])
    sys.modules["mod_wsgi"] = module


def make_apache():
    module = None
    if not settings["process_group"]:
        try:
            import apache as module
        except ModuleNotFoundError:
            pass
        except Exception as error:
            report(error, "the module apache")
    module = module or types.ModuleType("apache")
    module.version = settings["httpd_version"]
    module.description = settings["httpd_description"]
    module.mpm_name = settings["mpm_name"]
    module.maximum_processes = settings["maximum_processes"]
    module.threads_per_process = settings["threads_per_process"]
    sys.modules["apache"] = module


# Set-up


def extend_path():
    """python-path through site.addsitedir, moved to the front; the group's home in front of it."""
    import site

    added = []
    for directory in settings["path"]:
        before = list(sys.path)
        try:
            site.addsitedir(directory)
        except BaseException as error:
            report(error, f"python-path entry {directory!r}; the entries after it are ignored")
            break
        finally:
            added += [entry for entry in sys.path if entry not in before]
    rest = [entry for entry in sys.path if entry not in added]
    home = settings["working_directory"]
    sys.path[:] = ([home] if home else []) + added + rest


def restrict_signal():
    import signal

    real = signal.signal

    def intercept(signalnum, handler):
        if os.getpid() != MAIN_PID:
            return real(signalnum, handler)
        import traceback

        stack = "".join(traceback.format_stack(sys._getframe(1))).rstrip("\n")
        record(INFO, f"handler for signal {signalnum} ignored: signals belong to httpd (WSGIRestrictSignal)\n{stack}")
        return handler

    intercept.__name__ = intercept.__qualname__ = "signal"
    intercept.__doc__ = real.__doc__
    signal.signal = intercept


def warn_of_fork():
    """A fork in a process with sub-interpreters kills the child, whatever the version."""
    group = settings["application_group"]

    def warn():
        record(
            WARN,
            f"os.fork in application group {group!r}: CPython ends the child of a fork from a sub-interpreter. "
            "Run this application with application-group=%{GLOBAL} (WSGIApplicationGroup), or use subprocess "
            "or multiprocessing's spawn",
        )

    os.register_at_fork(before=warn)


def set_up():
    sys.argv = ["mod_wsgi"]
    sys.stderr = Log("<stderr>", True)
    sys.stdout = Restricted("sys.stdout", "WSGIRestrictStdout") if settings["restrict_stdout"] else Log("<stdout>", False)
    if settings["restrict_stdin"]:
        sys.stdin = Restricted("sys.stdin", "WSGIRestrictStdin")
    if settings["switch_interval"] is not None:
        sys.setswitchinterval(settings["switch_interval"])
    if settings["eggs"]:
        os.environ["PYTHON_EGG_CACHE"] = settings["eggs"]
    extend_path()
    if settings["restrict_signal"]:
        restrict_signal()
    if settings["application_group"]:
        warn_of_fork()
    make_mod_wsgi()
    make_apache()


errors = Log("<wsgi.errors>", True)
set_up()
