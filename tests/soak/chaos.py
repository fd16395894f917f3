"""What is done to the server: reloads and restarts, which may cost nothing, and kills, which may cost a little."""

import os
import signal
import time
from dataclasses import dataclass

from support import processes


@dataclass
class Blow:
    """Something that was done, and how many requests it may have cost."""

    at: float
    """On the clock of `time.monotonic`."""
    what: str
    may_cost: int


def leader(server):
    """The group's leader; the newest, while two generations are there."""
    found = [pid for pid in processes.children(server.pid) if "leader" in processes.command(pid) or
             processes.name(pid).startswith("mod_wsgi_leader")]
    return max(found, default=None)


def workers(server):
    """The worker processes of the group."""
    newest = leader(server)
    return processes.children(newest) if newest else []


class Chaos:
    """One thing at a time, chosen by `dice`."""

    def __init__(self, server, dice, threads):
        self.server, self.dice, self.threads = server, dice, threads
        self.blows = []
        self.ways = {
            self.touch: 4, self.replace_one: 4, self.replace_all: 2, self.graceful: 3,
            self.kill_worker: 3, self.crash_worker: 2, self.kill_leader: 1, self.kill_child: 1, self.stop_worker: 1,
        }

    def step(self):
        """Does something."""
        way, = self.dice.choices(list(self.ways), self.ways.values())
        blow = Blow(time.monotonic(), way.__name__, 0)
        blow.may_cost = way() or 0
        self.blows.append(blow)
        return blow

    def touch(self):
        """A script that has changed."""
        os.utime(self.server.root / "data" / "ledger.wsgi")

    def replace_one(self):
        """A worker that is asked to go."""
        self._signal(self._one(workers(self.server)), signal.SIGUSR1)

    def replace_all(self):
        """A leader that is asked to replace all."""
        self._signal(leader(self.server), signal.SIGUSR1)

    def graceful(self):
        """`apachectl graceful`."""
        self.server.graceful()

    def kill_worker(self):
        """The requests that it runs are lost."""
        return self._signal(self._one(workers(self.server)), signal.SIGKILL) * self.threads

    def crash_worker(self):
        """As a fault in an extension module."""
        return self._signal(self._one(workers(self.server)), signal.SIGSEGV) * self.threads

    def kill_leader(self):
        """Its workers end with it; a new one starts them again."""
        count = len(workers(self.server))
        return self._signal(leader(self.server), signal.SIGKILL) * self.threads * count

    def kill_child(self):
        """The connections of that httpd process are lost."""
        children = self.server.httpd_children()
        return self._signal(self._one(children), signal.SIGKILL) * 64

    def stop_worker(self):
        """SIGSTOP, and on again after a moment: slow, and nothing else."""
        pid = self._one(workers(self.server))
        if self._signal(pid, signal.SIGSTOP):
            time.sleep(self.dice.uniform(0.05, 0.5))  # the fault itself, not a wait for something
            self._signal(pid, signal.SIGCONT)

    def _one(self, pids):
        return self.dice.choice(pids) if pids else None

    @staticmethod
    def _signal(pid, number):
        """Sends a signal; 1 if somebody was there."""
        if pid is None:
            return 0
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return 0
        return 1
