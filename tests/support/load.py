"""A load client that checks every response whole: what it counts as a failure is what a user would see as one."""

import threading
from collections import Counter

from .http import Connection, Cut


class Load:
    """Threads that ask for one page again and again, each request on its own or on a kept connection."""

    def __init__(self, server, path, expected=None, clients=4, keep=False, host=None):
        self.server, self.path, self.expected, self.keep, self.host = server, path, expected, keep, host
        self.bodies = Counter()
        self.failures = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends the load and waits for the requests under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def count(self):
        """Complete, right responses so far."""
        with self._lock:
            return sum(self.bodies.values())

    def _run(self):
        connection = None
        while not self._stopping.is_set():
            reused = connection is not None
            try:
                connection = connection or Connection(self.server.port)
                connection.start("GET", self.path, () if self.keep else {"Connection": "close"}, host=self.host)
                response = connection.finish()
            except (OSError, Cut) as error:
                connection = None
                # A server may close an idle kept connection at any time: that one request is the client's to repeat.
                idle_close = reused and (not getattr(error, "received", b"") or isinstance(error, OSError))
                if not idle_close:
                    self._fail(repr(error))
                continue
            if response.status != 200 or (self.expected is not None and response.body != self.expected):
                self._fail(f"{response.status} {response.body[:200]!r}")
            else:
                with self._lock:
                    self.bodies[response.body] += 1
            if not self.keep or (response.header("Connection") or "").lower() == "close":
                connection.close()
                connection = None

    def _fail(self, text):
        with self._lock:
            self.failures.append(text)

    def assert_clean(self, at_least=1):
        """Every request was answered, wholly and rightly."""
        assert not self.failures, f"{len(self.failures)} of {self.count + len(self.failures)}: {self.failures[:5]}"
        assert self.count >= at_least
