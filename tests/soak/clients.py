"""Clients that never stop asking, and remember every answer that a user would not have liked."""

import hashlib
import itertools
import random
import threading
import time
from dataclasses import dataclass

from support.http import Connection, Cut

PIECES = b"".join(b"%04d" % number * 256 for number in range(64))


@dataclass
class Failure:
    """A request that was not answered as it should."""

    at: float
    """On the clock of `time.monotonic`."""
    request: str
    text: str

    @property
    def kind(self):
        """The status, or the kind of end."""
        return self.text.split("(")[0].split(" ")[0]


class Clients:
    """Threads with GET and POST requests, small, large and streamed, on new and on kept connections."""

    def __init__(self, port, seed, count=8):
        self.port = port
        self.answered = 0
        self.noted = set()
        """The ids of POST requests that were answered."""
        self.failures = []
        self.times = []
        """Seconds of each answered request."""
        self._ids = itertools.count()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"{seed}/{number}"),), daemon=True)
            for number in range(count)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, dice):
        connection = None
        while not self._stopping.is_set():
            path = dice.choice(["/app/", "/app/stream", "POST"])
            post, body, sent = path == "POST", b"", b""
            if post:
                path = f"/app/{next(self._ids)}"
                body = sent = dice.randbytes(dice.choice([10, 2000, 200_000]))
            # A server may close an idle connection at any time: a client repeats a GET then, and sends no POST there.
            reused = connection is not None and not post
            begun = time.monotonic()
            try:
                if connection is None or post:
                    connection = self._close(connection) or Connection(self.port)
                response = connection.request("POST" if post else "GET", path, (), body)
            except (OSError, Cut) as error:
                connection = self._close(connection)
                if not (reused and not getattr(error, "received", b"")):
                    self._fail("POST" if post else "GET", path, repr(error))
                continue
            wanted = hashlib.sha256(sent).hexdigest().encode() if post else PIECES if path == "/app/stream" else None
            if response.status != 200 or wanted not in (None, response.body):
                self._fail("POST" if post else "GET", path, f"{response.status} {response.body[:100]!r}")
            else:
                with self._lock:
                    self.answered += 1
                    self.times.append(time.monotonic() - begun)
                    if post:
                        self.noted.add(path.rpartition("/")[2])
            if dice.random() < 0.3 or (response.header("Connection") or "").lower() == "close":
                connection = self._close(connection)

    @staticmethod
    def _close(connection):
        if connection:
            connection.close()

    def _fail(self, method, path, text):
        with self._lock:
            self.failures.append(Failure(time.monotonic(), f"{method} {path}", text))
