"""What the httpd parent holds that must stay flat: memory, descriptors, pthread keys, and the processes around it."""

import subprocess
import time
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

from support import memory, processes

SOURCE = Path(__file__).with_name("keys.c")


@dataclass
class Footprint:
    """One look at a running server."""

    private: int
    """KiB of memory that the parent shares with nobody (Private_Dirty)."""
    descriptors: int
    keys: int
    processes: int

    def __str__(self):
        return f"{self.private} KiB, {self.descriptors} descriptors, {self.keys} keys, {self.processes} processes"


FIELDS = [field.name for field in fields(Footprint)]


def counted(folder):
    """The environment with which httpd counts its pthread keys, and the file with the count."""
    library, count = folder / "keys.so", folder / "keys"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "PTHREAD_KEYS": str(count)}, count


def look(server, count):
    """The footprint of the server's parent."""
    rollup = Path(f"/proc/{server.pid}/smaps_rollup").read_text()
    private = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_Dirty:"))
    keys = int.from_bytes(count.read_bytes()[:4], "little")
    return Footprint(private, len(memory.descriptors(server.pid)), keys, len(processes.descendants(server.pid)))


def kinds(server):
    """How many descriptors of each kind the parent has, for a message about a leak."""
    return Counter(memory.descriptors(server.pid).values())


def settled(server, count, seconds=8):
    """The smallest footprint of the next seconds: processes that leave, and what is kept for them, do not count."""
    looks = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        looks.append(look(server, count))
        time.sleep(0.25)
    return Footprint(*(min(getattr(look, name) for look in looks) for name in FIELDS))
