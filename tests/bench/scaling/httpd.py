"""One httpd, started as an administrator does (`httpd -k start`), with any number of lines of configuration."""

import contextlib
import http.client
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time

from bench import processes
from bench.failure import Failure
from bench.running import environment, free_port

PARTS = ("mpm_event", "authz_core", "alias", "setenvif", "unixd")
PAUSE = 0.005

COMMON = """\
ServerName localhost
ServerRoot {root}
PidFile {root}/httpd.pid
DefaultRuntimeDir {root}
Listen 127.0.0.1:{port}
{modules}
{identity}
StartServers {children}
ServerLimit {children}
ThreadLimit {threads}
ThreadsPerChild {threads}
MinSpareThreads 1
MaxSpareThreads {workers}
MaxRequestWorkers {workers}
AsyncRequestWorkerFactor 64
MaxKeepAliveRequests 0
KeepAliveTimeout 300
Timeout 120
EnableMMAP Off
ErrorLog {root}/error.log
LogLevel warn mpm_event:notice
<Directory />
    AllowOverride None
    Require all granted
</Directory>
"""


class Httpd:
    """`module` is the file of a WSGI module, or None. Stopped, with everything it started, when the block ends."""

    def __init__(self, machine, module, lines, children=1, threads=32):
        self.machine, self.module, self.lines = machine, module, lines
        self.shape = {"children": children, "threads": threads, "workers": children * threads}
        self.port = free_port()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="mod_wsgi-bench-", dir="/tmp"))
        self.root.chmod(0o755)
        self.pid = None

    def __enter__(self):
        found = [(part, self.machine.httpd_modules / f"mod_{part}.so") for part in PARTS]
        modules = [f"LoadModule {part}_module {path}" for part, path in found if path.exists()]  # the rest is built in
        modules += [f"LoadModule wsgi_module {self.module}"] if self.module else []
        user = self.machine.user
        text = COMMON.format(root=self.root, port=self.port, modules="\n".join(modules), **self.shape,
                             identity=f"User {user}\nGroup {user}" if user else "")
        if user:
            shutil.chown(self.root, user, user)
        (self.root / "httpd.conf").write_text(text + self.lines)
        return self

    def __exit__(self, *_):
        try:
            if self.pid:
                self.stop()
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    def command(self, *words):
        """The words on httpd's command line."""
        return [self.machine.httpd, "-f", str(self.root / "httpd.conf"), *words]

    def call(self, *words):
        """Runs httpd with them to its end; returns how long that took."""
        began = time.monotonic()
        done = subprocess.run(self.command(*words), text=True, capture_output=True, env=environment(self.root), cwd="/")
        if done.returncode != 0:
            raise Failure(f"httpd {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}{self.log()}")
        return time.monotonic() - began

    def start(self, limit=180):
        """Starts it; returns how long it took until httpd said that it runs."""
        began = time.monotonic()
        self.call("-k", "start")
        self.pid = int(until(self.pid_file, limit, "the PID file"))
        until(lambda: self.says() > 0, limit, "httpd to listen", self.log)
        return time.monotonic() - began

    def pid_file(self):
        """What is in it, if it is there."""
        path = self.root / "httpd.pid"
        return path.read_text().strip() if path.exists() else ""

    def says(self):
        """How often it has said that it runs: after its start, and after each restart."""
        return self.log().count("resuming normal operations")

    def graceful(self, limit=180):
        """Restarts it gracefully; returns how long it took until it said that it runs."""
        before, began = self.says(), time.monotonic()
        self.call("-k", "graceful")
        until(lambda: self.says() > before, limit, "httpd to restart", self.log)
        return time.monotonic() - began

    def stop(self):
        """Stops it, and waits for the end of all that it has started."""
        members = self.processes()
        self.call("-k", "stop")
        until(lambda: not any(map(processes.alive, members)), 60, "the end of all processes", self.log)
        self.pid = None

    def log(self):
        """Its error log."""
        path = self.root / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def processes(self):
        """The parent and all that it has started."""
        return processes.tree([self.pid])

    def named(self, name):
        """Those of them that run a program of that name."""
        return [pid for pid in self.processes() if processes.name(pid) == name]

    def workers(self):
        """The children of leaders."""
        leaders = self.named("mod_wsgi_leader")
        return [pid for pid in processes.tree(leaders) if pid not in leaders]

    def get(self, path, host="localhost", limit=180):
        """Asks for a path, on a connection of its own; returns how long it took."""
        began = time.monotonic()
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit)) as connection:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            answer.read()
        if answer.status != 200:
            raise Failure(f"{path} answered {answer.status}\n{self.log()[-2000:]}")
        return time.monotonic() - began

    def first(self, path, limit=60):
        """Starts it and asks at once, again and again; returns how long it took from the start to the first 200."""
        began = time.monotonic()
        with subprocess.Popen(self.command("-k", "start"), env=environment(self.root), cwd="/") as starting:
            def answers():
                with contextlib.suppress(OSError, Failure, http.client.HTTPException):
                    return self.get(path) > 0
                return False
            until(answers, limit, f"{path} to answer", self.log)
            taken = time.monotonic() - began
            starting.wait()
        self.pid = int(self.pid_file())
        return taken


def until(condition, limit, what, log=lambda: ""):
    """Waits, and returns the value."""
    end = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {limit} s\n{log()[-3000:]}")
        time.sleep(PAUSE)
    return value


def open_files(wanted=0):
    """Raises the limit of this process, and so of httpd, as far as it goes; what root wants he gets. Returns it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = most if most != resource.RLIM_INFINITY else 1 << 20
    for limit in (max(most, wanted), most):
        with contextlib.suppress(ValueError, OSError):  # only root may have more, and not even he as much as he likes
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
    return most


def too_few(files, wanted):
    """Says so where fewer files can be open than are wanted."""
    return {"room for all open files": f"{files} can be open, and {wanted} are wanted (ulimit -Hn)"} if files < wanted else {}
