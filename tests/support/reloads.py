"""The kinds of reloads: how a group is made for them, and how one is done and waited for."""

import os
import signal
import time

from . import processes
from .mixed import SCRIPT
from .processes import wait_until

PROCESSES = 2
PATIENCE = 60


def leaders(server):
    """The leaders, the newest last."""
    found = [pid for pid in processes.children(server.pid) if processes.name(pid).startswith("mod_wsgi_leader")]
    return sorted(found, key=lambda pid: (processes.began(pid), pid))


def workers(server):
    """The workers of all leaders."""
    return {pid for leader in leaders(server) for pid in processes.children(leader)}


def all_answer(server, load):
    """Whether each process of a group that is complete has answered requests."""
    now = workers(server)
    return len(now) == PROCESSES and now <= load.answered


def put(server, number):
    """A script with a modification time that none has had, however coarse the file system's clock is."""
    path = server.write("script.py", SCRIPT.format(version=f"v{number}"))
    os.utime(path, (time.time() + 10 * number,) * 2)


def replaced(server, load, before, count=None):
    """Waits until `count` of the workers (default: all) have gone, and others have come and answered requests."""

    def done():
        now = workers(server)
        gone = len(before - now)
        return (gone >= count if count else not before & now) and all_answer(server, load)

    wait_until(done, PATIENCE, "new processes")


def by_touch(server, load, number):
    """A new version of the script, which the load notices."""
    before = workers(server)
    put(server, number)
    replaced(server, load, before)


def by_signal_to_the_leader(server, load, _):
    """All workers, one after the other."""
    before = workers(server)
    os.kill(leaders(server)[-1], signal.SIGUSR1)
    replaced(server, load, before)


def by_signal_to_a_worker(server, load, _):
    """One worker."""
    before = workers(server)
    os.kill(min(before), signal.SIGUSR1)
    replaced(server, load, before, 1)


def by_itself(server, load, _):
    """One worker, at the limit that the group has."""
    replaced(server, load, workers(server), 1)


def by_graceful(server, load, _):
    """A generation of httpd."""
    before = workers(server)
    server.graceful()
    replaced(server, load, before)
    wait_until(lambda: len(leaders(server)) == 1, PATIENCE, "the end of the old leader")


# Options of the group, what does it, and whether each reload brings another version.
KINDS = {
    "touch, strict": ("reload=strict", by_touch, True),
    "touch, rolling": ("reload=rolling", by_touch, True),
    "USR1 to the leader": ("", by_signal_to_the_leader, False),
    "USR1 to a worker": ("", by_signal_to_a_worker, False),
    "maximum-requests": ("maximum-requests=150", by_itself, False),
    "restart-interval": ("restart-interval=1", by_itself, False),
    "apachectl graceful": ("", by_graceful, False),
}


def configuration(options):
    """Of a group with these options."""
    return (f"WSGIDaemonProcess app processes={PROCESSES} threads=5 {options}\n"
            "WSGIScriptAlias / ${ROOT}/script.py process-group=app application-group=%{GLOBAL}\n")
