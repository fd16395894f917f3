"""What a client sees of a reload: it asks again and again, one request after the other, while something changes. Django in
daemon mode; the script says which version it is."""

import contextlib
import http.client
import statistics
import threading
import time

from bench.failure import Failure
from bench.peers.httpd import DAEMON
from bench.scaling.httpd import Httpd, until
from bench.scaling.starts import NAMES, expand

BEFORE = 1.0  # seconds of quiet
LIMIT = 60

SCRIPT = '''"""The Django site, with a header that says which version of this file it is."""
from catalogue.site import application as site
VERSION = "{version}"


def application(environ, start_response):
    def start(status, headers, *more):
        return start_response(status, [*headers, ("X-Version", VERSION)], *more)
    return site(environ, start)
'''
OURS = (("touch, reload=strict", "touch", ""), ("touch, reload=rolling", "touch", "reload=rolling"),
        ("touch, preload=on", "touch", "preload=on"), ("graceful", "graceful", ""), ("graceful, preload=on", "graceful", "preload=on"))
PEER = (("touch", "touch", ""), ("graceful", "graceful", ""))


class Client(threading.Thread):
    """Asks on one kept connection, a new one where the server has closed it, and notes when each answer came."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.done, self.answers, self.failed = port, threading.Event(), [], 0

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        while not self.done.is_set():
            began = time.monotonic()
            answer = self.ask(connection) or self.ask(connection)  # a kept connection may be closed between two requests
            self.failed += answer is None or answer.status != 200
            if answer:
                self.answers.append((began, time.monotonic(), answer.headers.get("X-Version")))
        connection.close()

    @staticmethod
    def ask(connection):
        """The answer, read to its end, or None."""
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            return answer
        except (OSError, http.client.HTTPException):
            connection.close()
            return None

    def has_seen(self, version):
        """Whether an answer of that version has come lately."""
        return any(seen == version for _, _, seen in self.answers[-50:])


def measure(machine, modules):
    """One round: names, and what the client saw."""
    for module, kinds in (("ours", OURS), ("peer", PEER)):
        for name, way, options in kinds if module in modules else ():
            yield f"{NAMES[module]}, {name}", one(machine, modules[module], way, options)


def one(machine, module, way, options):
    """The usual and the slowest request, and when the new version answered."""
    httpd = Httpd(machine, module, "")
    script = httpd.root / "versioned.py"
    script.write_text(SCRIPT.format(version=1))
    httpd.lines = expand(DAEMON, httpd, script, f"python-path={machine.sites} {options}")
    with httpd:
        httpd.start()
        httpd.get("/")
        client = Client(httpd.port)
        client.start()
        time.sleep(BEFORE)
        fresh = script.with_suffix(".new")
        fresh.write_text(SCRIPT.format(version=2))
        changed = time.monotonic()
        fresh.rename(script)
        if way == "graceful":
            httpd.graceful()
        with contextlib.suppress(Failure):  # then the figure says that it took too long
            until(lambda: client.has_seen("2"), LIMIT, "the new version", httpd.log)
        time.sleep(BEFORE)
        client.done.set()
        client.join()
    after = [(began, ended, version) for began, ended, version in client.answers if ended >= changed]
    return {"usual": statistics.median(ended - began for began, ended, _ in client.answers if ended < changed),
            "slowest": max(ended - began for began, ended, _ in after),
            "new": min((ended - changed for _, ended, version in after if version == "2"), default=float(LIMIT)),
            "failed": client.failed}
