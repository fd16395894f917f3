"""What a reader needs to know of the machine to judge the numbers."""

import datetime
import os
import pathlib
import platform
import re

from bench.machine import answer


def of(machine, versions):
    """As a dictionary that goes into the raw numbers; `versions` are those of the parts."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "cpu": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "httpd": first(r"Apache/(\S+)", answer([machine.httpd, "-v"])),
        "python": first(r"Python (\S+)", answer([machine.program("python"), "-V"])),
        "versions": versions,
    }


def processor():
    """The processor's name as Linux tells it."""
    return first(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text()) or platform.machine()


def first(pattern, text):
    """The group of the first match, or None."""
    found = re.search(pattern, text, re.M)
    return found[1] if found else None
