"""Daemon groups: how long it takes until httpd listens and all of them answer, what an idle one costs, how long a check of
the configuration and a graceful restart take, and what a request costs beside so many others."""

import contextlib
import time

from bench import processes
from bench.scaling.httpd import Httpd, until
from bench.scaling.load import cost

SIZES = (1, 50, 100, 250, 500)
QUIET = 8      # seconds until a group without requests is at rest
IDLE = 10      # seconds of looking at it
RESTART = 120  # at most


def lines(count, script, processes_="1"):
    """So many groups, each with its alias."""
    groups = (f"WSGIDaemonProcess g{n} processes={processes_} threads=2\n"
              f"WSGIScriptAlias /a{n} {script} process-group=g{n} application-group=%{{GLOBAL}}\n" for n in range(count))
    return "".join(groups)


def measure(machine, module, count, script, kind, rest=True):
    """The figures for one number of groups. `kind`: `ours`, `on demand` (processes=0-1) or `peer`."""
    text = lines(count, script, "0-1" if kind == "on demand" else "1")
    row = {"groups": count, "kind": kind}
    with Httpd(machine, module, text) as httpd:
        row["check"] = httpd.call("-t")
        began = time.monotonic()
        row["listening"] = httpd.start()
        if kind == "on demand":
            row["first"] = httpd.get(f"/a{count - 1}")
            time.sleep(QUIET)
        else:
            for number in range(count):
                httpd.get(f"/a{number}")
            row["answered"] = time.monotonic() - began
        row |= memory(httpd, count, kind)
        if rest:
            time.sleep(QUIET)
            row |= idle(httpd)
        row["request"] = cost(httpd, f"/a{count - 1}")
        if rest and kind == "ours":
            row |= restart(httpd, count)
        began = time.monotonic()
        httpd.stop()
        row["stop"] = time.monotonic() - began
    return row


def memory(httpd, count, kind):
    """KiB of what belongs to one group, and of httpd's own processes."""
    if kind == "peer":
        own = [pid for pid in httpd.processes() if pid != httpd.pid and has_group(pid)]
        return {"worker": processes.memory(own) / count, "httpd": processes.memory(set(httpd.processes()) - set(own))}
    leaders, workers = httpd.named("mod_wsgi_leader"), httpd.workers()
    rest = set(httpd.processes()) - set(leaders) - set(workers)
    return {"leader": processes.memory(leaders) / count, "worker": processes.memory(workers) / count,
            "httpd": processes.memory(rest)}


def has_group(pid):
    """Whether a process of the peer's is a daemon process: it has fewer threads than a child that serves clients."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(next(line.split()[1] for line in status if line.startswith("Threads:"))) < 16
    return False


def idle(httpd):
    """What all processes do while nobody asks for anything: wake-ups a second, and milliseconds of a processor a minute."""
    members = httpd.processes()
    slept, ran = processes.wakeups(members)
    time.sleep(IDLE)
    slept_then, ran_then = processes.wakeups(members)
    return {"wakeups": (slept_then - slept) / IDLE, "idle": (ran_then - ran) * 1000 * 60 / IDLE}


def restart(httpd, count):
    """A graceful restart: until httpd says so, and until all groups have new processes and the old ones are gone."""
    before, began = set(httpd.named("mod_wsgi_leader")), time.monotonic()
    row = {"graceful": httpd.graceful()}
    until(lambda: len(now := set(httpd.named("mod_wsgi_leader"))) == count and not before & now, RESTART, "new leaders",
          httpd.log)
    return row | {"renewed": time.monotonic() - began}
