"""A process group without httpd: this process is the parent and one child of it."""

import json
import os
import select
import signal
import socket
import time
from pathlib import Path

import wire

STAGE = Path(os.environ.get("MOD_WSGI_STAGE", Path(__file__).resolve().parents[2] / "target" / "stage"))
HOST = next((path for path in (STAGE / "mod_wsgi_host.abi3.so", STAGE / "libmod_wsgi_host.so") if path.exists()), STAGE)
INTERPRETER = os.environ.get("MOD_WSGI_PYTHON", "/usr/bin/python3")


def until(condition, what, timeout=15):
    """Waits for a condition, and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} took more than {timeout} s"
        time.sleep(0.005)


def alive(pid):
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Group:
    """Sockets, area and leaders of one group, and what an httpd child does with them."""

    def __init__(self, directory, script, **changes):
        self.directory = Path(directory)
        self.script = self.directory / "site.wsgi"
        self.script.write_text(script)
        self.changes = changes
        self.threads = changes.get("threads", 4)
        self.count = 2 * changes.get("processes", 1)
        self.area = wire.Area(self.count, self.threads)
        self.overflow = wire.queue()
        self.question = wire.queue()
        self.slots = [wire.queue() for _ in range(self.count)]
        self.log = open(self.directory / "error_log", "ab")
        self.leaders = {}  # pid: the parent's end of its control socket

    # the parent

    def start(self, previous=None, environment=None, behind=(), **changes):
        """Starts a leader; it finds what is `behind` after all other descriptors."""
        ours, theirs = wire.queue()
        changes = {**self.changes, **changes, "takes_over": previous is not None}
        descriptors = [theirs, self.area.file, self.overflow[1], self.question[1], *(slot[1] for slot in self.slots)]
        descriptors += [*([self.leaders[previous]] if previous else []), *behind]
        numbers = [each if isinstance(each, int) else each.fileno() for each in descriptors]
        settings = wire.settings(**{"host": HOST, "interpreter": INTERPRETER, **changes})
        pid = wire.spawn(STAGE / "mod_wsgi_leader", settings, numbers, self.log.fileno(), environment)
        theirs.close()
        self.leaders[pid] = ours
        return pid

    def say(self, leader, message):
        self.leaders[leader].send(json.dumps(message).encode())

    def stop(self):
        """Stops all leaders as httpd does; returns how long that took, and fails if a process is left."""
        workers, began = self.workers(), time.monotonic()
        for leader in self.leaders:
            os.kill(leader, signal.SIGTERM)
        for leader in list(self.leaders):
            self.wait(leader, 3)
        taken = time.monotonic() - began
        left = [pid for pid in workers if alive(pid)]
        assert not left, f"workers {left} are still there"
        return taken

    def wait(self, leader, timeout=15):
        """The wait status of a leader."""

        def ended():
            pid, status = os.waitpid(leader, os.WNOHANG)
            return (status,) if pid else None

        (status,) = until(ended, f"the end of leader {leader}", timeout)
        self.leaders.pop(leader).close()
        return status

    def close(self):
        for leader in list(self.leaders):
            os.kill(leader, signal.SIGTERM)
            try:
                self.wait(leader, 3)
            except AssertionError:
                os.kill(leader, signal.SIGKILL)
                self.wait(leader)
        self.log.close()
        for pair in (self.overflow, self.question, *self.slots):
            pair[0].close()
            pair[1].close()

    # what can be seen

    def errors(self):
        return Path(self.log.name).read_text()

    def workers(self):
        return [pid for pid in (self.area.slot(n, "pid") for n in range(self.count)) if pid]

    def accepting(self):
        return [n for n in range(self.count) if self.area.slot(n, "accepting")]

    def ready(self, count=None):
        """Waits until `count` workers take requests; returns their slots."""
        count = self.count // 2 if count is None else count
        return until(lambda: (slots := self.accepting()) and len(slots) == count and slots, f"{count} workers")

    # an httpd child

    def reserve(self, slot=None):
        """A slot with a reserved thread; None if there is none."""
        slots = self.accepting() if slot is None else [slot]
        free = [n for n in slots if self.area.slot(n, "reserved") < self.threads]
        if not free:
            return None
        best = min(free, key=lambda n: self.area.slot(n, "reserved"))
        self.area.add(best, "reserved", 1)
        return best

    def connection(self, first, queue):
        """Sends `first` over a new connection, and its other end as a ticket."""
        ours, theirs = socket.socketpair()
        ours.send(first)
        wire.send_ticket(queue, theirs.fileno())
        theirs.close()
        return ours

    def send(self, slot=None, script=None, body=None, flags=wire.RELOADING, **more):
        """Sends a request by ticket to a slot, and returns its connection."""
        slot = self.reserve(slot)
        assert slot is not None, "no free thread"
        return self.connection(self.message(script, body, flags, **more), self.slots[slot][0])

    def message(self, script=None, body=None, flags=wire.RELOADING, **more):
        flags |= 0 if body is not None else wire.NO_BODY
        message = wire.frame(wire.REQUEST, wire.request(script or self.script, flags=flags, **more))
        if body is not None:
            message += wire.frame(wire.BODY, body) + wire.frame(wire.BODY_END)
        return message

    def get(self, path="/", **more):
        """One request, through a slot."""
        connection = self.send(path=path, **more)
        answer = wire.Response(connection).whole()
        connection.close()
        return answer

    def enqueue(self, path="/", **more):
        """Sends a request by the overflow."""
        self.area.add_queued(1)
        message = self.message(flags=wire.RELOADING | wire.ANNOUNCE, path=path, **more)
        return self.connection(message, self.overflow[0])

    def queued_get(self, connection=None, **more):
        """The answer to a request that was sent by the overflow, or is now; sent again as often as it is rejected."""
        while True:
            with connection or self.enqueue(**more) as connection:
                answer = wire.Response(connection).whole()
            if answer.reject != wire.REJECT_RELOADING:
                return answer
            connection = None

    def ended(self, connection, timeout=5):
        """Whether a connection comes to its end."""
        return bool(select.select([connection], [], [], timeout)[0]) and connection.recv(1) == b""
