"""Limits of running processes, changed from outside."""

import os
import resource
import subprocess
import sys

from . import processes

CHANGE = """
import resource, sys
process, which, number = map(int, sys.argv[1:])
soft, hard = resource.prlimit(process, which)
resource.prlimit(process, which, (hard if number < 0 else number, hard))
print(soft)
"""


def limit(process, number, which=resource.RLIMIT_NOFILE):
    """Changes a limit of a running process, as its own user may; what it was."""
    owner = processes.real_uid(process)
    identity = {} if os.geteuid() else {"user": owner, "group": owner, "extra_groups": []}
    command = [sys.executable, "-c", CHANGE, str(process), str(which), str(number)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", **identity).stdout)


def leave(process, free):
    """The limit that leaves a process so many more descriptors."""
    used = {int(name) for name in os.listdir(f"/proc/{process}/fd")}
    number = 0
    while free or number in used:
        free -= number not in used
        number += 1
    return number
