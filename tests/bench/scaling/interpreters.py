"""Application groups: sub-interpreters of one daemon process, made one after the other by their first requests."""

from bench import processes
from bench.scaling.httpd import Httpd
from bench.scaling.load import cost

SIZES = (1, 100, 250, 500, 1000)
LINES = """\
WSGIDaemonProcess one processes=1 threads=4
SetEnvIf Request_URI "^/a([0-9]+)" GROUP=$1
WSGIScriptAliasMatch ^/a[0-9]+ {script}
WSGIProcessGroup one
WSGIApplicationGroup %{{ENV:GROUP}}
"""


def measure(machine, module, sizes, script, say):
    """A row for each number: the time that the last ones took to be made, memory for each, and what a request costs."""
    rows, made = [], 0
    with Httpd(machine, module, LINES.format(script=script)) as httpd:
        httpd.start()
        httpd.get("/a0")
        alone = memory(httpd)
        for size in sizes:
            times = [httpd.get(f"/a{number}") for number in range(max(made, 1), size)]
            row = {"interpreters": size, "request": cost(httpd, "/a0")}
            if times:
                row |= {"made": 1000 * sum(times) / len(times), "slowest": 1000 * max(times),
                        "memory": (memory(httpd) - alone) / (size - 1)}
            rows.append(row)
            made = size
            say(f"{size} application groups")
    return rows


def memory(httpd):
    """KiB of the one daemon process."""
    return processes.memory(httpd.workers() or httpd.processes())
