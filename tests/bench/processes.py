"""What the processes of a server use, from /proc: CPU time, context switches and memory. Needs no tool and no rights
beyond those over the processes themselves."""

import contextlib
import dataclasses
import os
import pathlib
import re

TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a group of processes has used since they started."""

    cpu: float  # seconds, user and system
    switches: int

    def __sub__(self, before):
        return Usage(self.cpu - before.cpu, self.switches - before.switches)


def usage(pids):
    """The sum over all processes. Children that have ended count with the parent that waited for them."""
    ticks = switches = 0
    for pid in pids:
        fields = _stat(pid)
        if fields:
            ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
            switches += _switches(pid)
    return Usage(ticks / TICKS, switches)


def tree(roots):
    """`roots` and all their descendants."""
    children = {}
    for name in os.listdir("/proc"):
        fields = _stat(name) if name.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    found, todo = [], list(roots)
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def memory(pids):
    """Proportional set size of all processes together, in KiB: what they would free by ending."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
    return total


def name(pid):
    """The name of the program that it runs, or what it calls itself."""
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def wakeups(pids):
    """How often their threads have gone to sleep by themselves, and how long they have run, in seconds: to the nanosecond,
    where a tick of [`usage`] is far too coarse."""
    slept = ran = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
            with contextlib.suppress(OSError):
                slept += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.M)[1])
                ran += int((task / "schedstat").read_text().split()[0])
    return slept, ran / 1e9


def alive(pid):
    """Whether the process runs; a zombie does not."""
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def _stat(pid):
    """The fields of /proc/PID/stat after the name: state, parent, …; None when the process is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def _switches(pid):
    """Voluntary and other context switches of the threads that are alive."""
    total = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(OSError):
            total += sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", status.read_text())))
    return total
