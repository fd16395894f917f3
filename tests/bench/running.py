"""A server while it runs: started as the unprivileged user, waited for, and stopped with everything it started."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from bench import processes
from bench.failure import Failure
from bench.machine import Machine
from bench.processes import alive, tree

START = 60  # seconds until the server has to listen
STOP = 15
IDLE = 10  # at most; a server that is busy by itself is measured so


@dataclasses.dataclass(frozen=True)
class Site:
    """What a server's programs are configured for."""

    machine: Machine
    root: pathlib.Path  # short and the server's own: it holds sockets, whose paths are limited to 107 bytes
    port: int
    application: str    # PACKAGE.MODULE below the machine's sites

    @property
    def script(self):
        """The application as a file."""
        return self.machine.sites / (self.application.replace(".", "/") + ".py")

    @property
    def socket(self):
        """Where a server behind a front listens."""
        return self.root / "application.sock"

    def write(self, name, text):
        """A configuration file; returns its path."""
        path = self.root / name
        path.write_text(text)
        return str(path)


@contextlib.contextmanager
def started(server, machine, application):
    """Runs the programs of a server until the block ends."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="mod_wsgi-bench-", dir="/tmp"))
    root.chmod(0o755)
    if machine.user:
        shutil.chown(root, machine.user, machine.user)
    running = Running(server.name, Site(machine, root, free_port(), application))
    try:
        for program in server.programs:
            running.start(program)
        running.wait_until_up()
        yield running
    finally:
        try:
            running.stop()
        finally:
            shutil.rmtree(root, ignore_errors=True)


class Running:
    """The programs of one server."""

    def __init__(self, name, site):
        self.name, self.site, self.programs = name, site, []

    def start(self, program):
        """Starts one program, and waits for its socket if it serves a front."""
        root, user = self.site.root, self.site.machine.user
        command = program.command(self.site)
        identity = {"user": user, "group": user, "extra_groups": []} if user else {}
        with open(root / f"console-{len(self.programs)}.log", "wb") as console:
            # Linux may share processors between sessions (sched_autogroup_enabled). Some daemons make one of their own, and
            # a shell's may be worth more or less: so nobody is in that.
            process = subprocess.Popen(command, cwd=self.site.machine.sites, stdin=subprocess.DEVNULL, stdout=console,
                                       stderr=console, env=environment(root), start_new_session=True, **identity)
        self.programs.append(process)
        if program.behind_front:
            self.wait(lambda: connects(socket.AF_UNIX, str(self.site.socket)))

    def processes(self):
        """Process ids of the programs and of all that they started."""
        return tree(process.pid for process in self.programs)

    def wait_until_idle(self):
        """Returns once what an earlier load has left in queues is done: wrk ends without waiting for its answers."""
        end, before = time.monotonic() + IDLE, processes.usage(self.processes()).cpu
        while time.monotonic() < end:
            time.sleep(0.1)
            now = processes.usage(self.processes()).cpu
            if now - before <= 0.01:
                return
            before = now

    def wait_until_up(self):
        """Returns once the server takes connections."""
        self.wait(lambda: connects(socket.AF_INET, ("127.0.0.1", self.site.port)))

    def wait(self, is_up):
        end = time.monotonic() + START
        while not is_up():
            ended = next((process for process in self.programs if process.poll() is not None), None)
            if ended:
                raise Failure(f"{ended.args[0]} ended with {ended.returncode}\n{self.logs()}")
            if time.monotonic() > end:
                raise Failure(f"did not listen within {START} s\n{self.logs()}")
            time.sleep(0.02)

    def logs(self):
        """The end of what the programs had to say."""
        texts = [path.read_text(errors="replace") for path in sorted(self.site.root.glob("*.log")) if path.name != "access.log"]
        return "\n".join(line for line in "\n".join(texts).splitlines() if line and ":notice]" not in line)[-3000:]

    def stop(self):
        """Asks the programs to end, the front first, and ends what does not."""
        members = self.processes()
        for process in reversed(self.programs):
            process.terminate()
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        end = time.monotonic() + STOP
        while (left := [pid for pid in members if alive(pid)]) and time.monotonic() < end:
            time.sleep(0.02)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if left:
            raise Failure(f"{len(left)} of {len(members)} processes outlived their server and were killed")


def environment(root):
    """Nothing of the caller's that could make one server differ from another."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", "HOME": str(root), "TMPDIR": str(root)}


def connects(family, address):
    """Whether somebody listens there."""
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
