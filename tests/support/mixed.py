"""A constant load of many kinds of requests, each checked whole, with how long each of them took."""

import hashlib
import threading
import time
from dataclasses import dataclass, field

from .http import Connection, Cut

SCRIPT = '''"""Version {version}: answers a GET, checks a POST, streams."""
import hashlib, os
def application(environ, start_response):
    body = environ["wsgi.input"].read() if environ["REQUEST_METHOD"] == "POST" else b""
    answer = b"{version} %d %s\\n" % (os.getpid(), hashlib.sha256(body).hexdigest().encode())
    if environ["QUERY_STRING"] == "stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return stream(answer)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]
def stream(answer):
    for number in range(20):
        yield b"%d\\n" % number * 500
    yield answer
'''
STREAMED = sum(len(b"%d\n" % number) * 500 for number in range(20))
# Method, query, body, whether the connection is kept. The long body is larger than what is read before a thread is taken.
WAYS = {
    "GET": ("GET", "", b"", False),
    "GET kept": ("GET", "", b"", True),
    "POST": ("POST", "", b"a small form", False),
    "POST kept": ("POST", "", b"x" * 200_000, True),
    "stream kept": ("GET", "?stream", b"", True),
}


@dataclass
class Tally:
    """What became of the requests of some time."""

    times: list = field(default_factory=list)
    """Seconds of each request that was answered rightly."""
    failed: list = field(default_factory=list)
    """What was wrong with answers that were complete."""
    cut: list = field(default_factory=list)
    """Answers that were not complete, and connections that were lost."""
    versions: set = field(default_factory=set)

    def share(self, part):
        """The time within which so large a part of the requests was answered, in milliseconds."""
        times = sorted(self.times)
        return 1000 * times[min(len(times) - 1, int(part * len(times)))] if times else 0.0


class Mixed:
    """One client for each way, again and again, with a short pause after each request."""

    def __init__(self, port, path="/", pause=0.002):
        self.port, self.path, self.pause = port, path, pause
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.tally = Tally()
        self.answered = set()  # process ids, since the start
        self.threads = [threading.Thread(target=self._run, args=(way,), daemon=True) for way in WAYS.values()]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self.threads), "a request never ended"

    def take(self):
        """What became of the requests that ended since the last call."""
        with self.lock:
            taken, self.tally = self.tally, Tally()
        return taken

    def _run(self, way):
        connection = None
        while not self.stopping.wait(self.pause):
            connection = self._ask(connection, *way)
        if connection:
            connection.close()

    def _ask(self, connection, method, query, body, keep):
        reused, began = connection is not None, time.monotonic()
        try:
            connection = connection or Connection(self.port)
            connection.start(method, self.path + query, () if keep else {"Connection": "close"}, body)
            response = connection.finish(method)
        except (OSError, Cut) as error:
            # A server may close an idle kept connection at any time: that one request is the client's to repeat.
            if not reused or getattr(error, "received", b""):
                self._note("cut", f"{method} {query}: {error!r}")
            return None
        wrong = self._check(response, query, body)
        if wrong:
            self._note("failed", f"{method} {query}: {wrong}")
        else:
            version, pid, _ = response.body[STREAMED if query else 0:].split()
            with self.lock:
                self.tally.times.append(time.monotonic() - began)
                self.tally.versions.add(version.decode())
                self.answered.add(int(pid))
        if keep and (response.header("Connection") or "").lower() != "close":
            return connection
        connection.close()
        return None

    @staticmethod
    def _check(response, query, body):
        if response.status != 200:
            return f"{response.status} {response.body[:100]!r}"
        answer = response.body[STREAMED if query else 0:].split()
        if len(answer) != 3 or answer[2].decode() != hashlib.sha256(body).hexdigest():
            return f"wrong answer {response.body[-200:]!r}"
        return None

    def _note(self, kind, text):
        with self.lock:
            getattr(self.tally, kind).append(text)
