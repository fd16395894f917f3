"""Processes as /proc shows them: who belongs to a server, and who its children are."""

import contextlib
import os
import signal
import time
from pathlib import Path


def pids():
    """Every process id."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _bytes(pid, name):
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def state(pid):
    """The letter of the process state, or None if it is gone."""
    stat = _bytes(pid, "stat")
    return stat.rpartition(b")")[2].split()[0].decode() if stat else None


def alive(pid):
    """Whether the process runs (a zombie does not)."""
    return state(pid) not in (None, "Z", "X")


def parent(pid):
    """The id of the parent, or None."""
    stat = _bytes(pid, "stat")
    return int(stat.rpartition(b")")[2].split()[1]) if stat else None


def began(pid):
    """When it began, in hundredths of a second since the machine did; 0 if it is gone."""
    stat = _bytes(pid, "stat")
    return int(stat.rpartition(b")")[2].split()[19]) if stat else 0


def children(pid):
    """The direct children that run."""
    return [child for child in pids() if parent(child) == pid and alive(child)]


def descendants(pid):
    """The children, their children, and so on."""
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def command(pid):
    """The command line."""
    return _bytes(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def name(pid):
    """The short name."""
    return _bytes(pid, "comm").decode(errors="replace").strip()


def real_uid(pid):
    """The real user id."""
    for line in _bytes(pid, "status").decode().splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[1])
    return None


def maps(pid):
    """The files that the process has mapped."""
    lines = _bytes(pid, "maps").decode(errors="replace").splitlines()
    return {line.split(None, 5)[5] for line in lines if len(line.split(None, 5)) == 6}


def _links(pid):
    targets = []
    try:
        names = [f"fd/{number}" for number in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        names = []
    for link in ["cwd", *names]:
        try:
            targets.append(os.readlink(f"/proc/{pid}/{link}"))
        except OSError:
            pass
    return targets


def mentioning(text):
    """Running processes whose arguments, environment, working directory or open files name `text`."""
    wanted = text.encode()
    found = []
    for pid in pids():
        if pid == os.getpid() or not alive(pid):
            continue
        if wanted in _bytes(pid, "cmdline") or wanted in _bytes(pid, "environ") or any(text in t for t in _links(pid)):
            found.append(pid)
    return found


def describe(found):
    """A line for each process, for messages."""
    return "\n".join(f"{pid} (parent {parent(pid)}, {state(pid)}): {command(pid) or name(pid)}" for pid in found)


@contextlib.contextmanager
def stopped(*stopping):
    """SIGSTOP for these processes, and SIGCONT in the end for those that are still there."""
    try:
        for pid in stopping:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in stopping:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def wait_until(condition, timeout=10, what="the condition", interval=0.02):
    """Waits until `condition()` is true, and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(interval)
