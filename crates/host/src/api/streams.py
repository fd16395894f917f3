"""sys.stdout and sys.stderr: one object each, and the thread that writes decides whose log it is. wsgi.errors: one for each
request, whose log it is whatever thread writes.

Of shim.py: `host`.
"""

import io

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


class Errors:
    """wsgi.errors: lines go to the error log of one request; when it has ended, writing raises."""

    # Made for each request: no io.TextIOBase, whose finalizer would cost more than all the rest of it.
    __slots__ = ("_request", "__weakref__")  # a mod_wsgi.Adapter
    __module__ = "mod_wsgi"

    name = "<wsgi.errors>"
    encoding = "utf-8"
    errors = "replace"
    line_buffering = True
    write_through = True
    mode = "w"
    newlines = None
    closed = False

    def __repr__(self):
        return "<mod_wsgi.Log name='<wsgi.errors>' encoding='utf-8'>"

    @property
    def buffer(self):
        return LogBuffer(self)

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._request.log(text)
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        self._request.flush()

    def close(self):
        self.flush()

    def fileno(self):
        return 2  # where a process that the application starts may write

    def isatty(self):
        return False

    def readable(self):
        return False

    def seekable(self):
        return False

    def writable(self):
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


io.TextIOBase.register(Errors)
asked_errors = Log("<log>", True)
