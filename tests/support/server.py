"""A real httpd in a folder of its own: configuration in, start, requests, logs, signals, stop, and nothing left over."""

import contextlib
import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from . import httpd, processes
from .http import Connection

APPS = Path(__file__).resolve().parents[1] / "apps"
MODULES = """authn_core authn_file authz_core authz_host authz_user auth_basic alias cgid deflate dir env headers
    include log_config mime rewrite setenvif substitute filter unixd""".split()

# ${ROOT}, ${APPS} and ${PORT} are expanded by httpd itself, in every configuration that a test writes.
TEMPLATE = """
Define ROOT {root}
Define APPS {root}/apps
Define PORT {port}
ServerRoot ${{ROOT}}
ServerName localhost
ServerAdmin admin@example.com
DefaultRuntimeDir ${{ROOT}}/run
TypesConfig /dev/null
PidFile ${{ROOT}}/run/httpd.pid
Listen 127.0.0.1:{port}
{loads}
LoadModule wsgi_module {module}
{identity}
StartServers {children}
ServerLimit {limit}
MaxRequestWorkers {workers}
<IfModule !mpm_prefork_module>
    ThreadsPerChild {threads}
    ThreadLimit {threads}
    MinSpareThreads 1
    MaxSpareThreads {spare}
</IfModule>
<IfModule mpm_prefork_module>
    MinSpareServers 1
</IfModule>
<IfModule cgid_module>
    ScriptSock ${{ROOT}}/run/cgid
</IfModule>
Timeout 30
KeepAliveTimeout 15
ErrorLog ${{ROOT}}/logs/error.log
LogLevel warn wsgi:{level}
LogFormat "%s %m %U %{{WSGI_ERROR_CAUSE}}n" tests
CustomLog ${{ROOT}}/logs/access.log tests
DocumentRoot ${{ROOT}}/htdocs
<Directory />
    AllowOverride None
    Require all denied
</Directory>
<Directory ${{ROOT}}>
    Require all granted
</Directory>
{conf}
"""


# Below those that the kernel gives to clients, which would take one before its server does. Each process of the tests has
# another begin, and takes one after the other.
PORTS = range(10_000, 32_000)
NEXT = itertools.count(os.getpid() * 4999)


def free_port(address="127.0.0.1"):
    """A port that nobody listens on, of the loopback interface or of another address; another one each time."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for number in itertools.islice(NEXT, len(PORTS)):
        with socket.socket(family) as probe, contextlib.suppress(OSError):
            probe.bind((address, PORTS[number % len(PORTS)]))
            return PORTS[number % len(PORTS)]
    raise AssertionError(f"no port of {address} is free")


class Server:
    """One httpd. Made, started and stopped by the fixtures of conftest.py."""

    def __init__(self, conf, *, mpm="event", children=1, threads=16, run_as=None, level="info", modules=(), env=None):
        self.root = Path(tempfile.mkdtemp(prefix="mod_wsgi-test-", dir=httpd.SCRATCH))
        self.root.chmod(0o755)
        for folder in ("run", "logs", "htdocs", "data"):
            (self.root / folder).mkdir()
        shutil.copytree(APPS, self.root / "apps", ignore=shutil.ignore_patterns("__pycache__"))
        self.port = free_port()
        self.run_as, self.env = run_as, dict(env or {})
        prefork = mpm == "prefork"
        self.text = TEMPLATE.format(
            root=self.root, port=self.port, module=httpd.module(), conf=conf, children=children, threads=threads,
            limit=max(16, 4 * children) if prefork else 4 * children, level=level,
            workers=max(8, children) if prefork else threads * children, spare=threads * children,
            loads=httpd.load_lines([f"mpm_{mpm}", *MODULES, *modules]),
            identity="User www-data\nGroup www-data" if os.geteuid() == 0 and not run_as else "")
        self.conf = self.root / "httpd.conf"
        self.conf.write_text(self.text)
        owner = run_as or ("www-data" if os.geteuid() == 0 else None)
        if owner:
            entry = pwd.getpwnam(owner)
            for path in [self.root / "data", *([self.root, *self.root.rglob("*")] if run_as else [])]:
                os.chown(path, entry.pw_uid, entry.pw_gid)
        self.process = None
        self.shared = False  # one server for many tests: each looks only at its own part of the log

    # Files

    def write(self, name, text):
        """A file below the server's folder, made at once (a script is never seen half written)."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(text if isinstance(text, bytes) else text.encode())
        fresh.chmod(0o644)
        fresh.rename(path)
        return path

    def reconfigure(self, old, new):
        """Replaces a part of the configuration, for the next restart."""
        assert old in self.text
        self.text = self.text.replace(old, new)
        self.conf.write_text(self.text)

    def log(self, since=0, name="error.log"):
        """What a log holds, from a mark on."""
        path = self.root / "logs" / name
        return path.read_bytes()[since:].decode(errors="replace") if path.exists() else ""

    def mark(self, name="error.log"):
        """The place in a log where what comes next begins."""
        path = self.root / "logs" / name
        return path.stat().st_size if path.exists() else 0

    def wait_for_log(self, pattern, since=0, timeout=10, name="error.log"):
        """Waits until the log matches, and returns the match."""
        try:
            return processes.wait_until(lambda: re.search(pattern, self.log(since, name), re.M), timeout)
        except AssertionError:
            raise AssertionError(f"no {pattern!r} in the log within {timeout} s:\n{self.log(since, name)}") from None

    # Running

    def command(self, *arguments):
        """httpd's command line for this server."""
        return [httpd.program(), "-d", str(self.root), "-f", str(self.conf), *arguments]

    def _identity(self):
        if not self.run_as:
            return {}
        entry = pwd.getpwnam(self.run_as)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _environment(self):
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "MOD_WSGI_TEST": str(self.root), **self.env}

    def configtest(self):
        """The result of `httpd -t`, messages in stderr."""
        return subprocess.run(self.command("-t"), capture_output=True, text=True, env=self._environment(),
                              cwd="/", **self._identity())

    def start(self, timeout=20):
        """Starts httpd and waits until it answers."""
        with open(self.root / "logs" / "console", "ab") as console:
            self.process = subprocess.Popen(
                self.command("-DFOREGROUND"), stdin=subprocess.DEVNULL, stdout=console, stderr=console, cwd="/",
                env=self._environment(), start_new_session=True, **self._identity())
        processes.wait_until(lambda: self.process.poll() is not None or self._listens(), timeout, "httpd to listen")
        if self.process.poll() is not None:
            raise AssertionError(f"httpd ended with {self.process.returncode}:\n{self.log(name='console')}{self.log()}")
        return self

    def _listens(self):
        return self.is_bound() and "resuming normal operations" in self.log()

    def is_bound(self):
        """Whether somebody listens on the port; the kernel knows, and a request would start an interpreter."""
        with open("/proc/net/tcp", encoding="ascii") as table:
            return any(f":{self.port:04X} 00000000:0000 0A" in line for line in table)

    @property
    def pid(self):
        """The httpd parent."""
        return self.process.pid

    def running(self):
        """Whether the parent runs."""
        return self.process is not None and self.process.poll() is None

    def httpd_children(self):
        """httpd's own children that serve clients: those that run the same program."""
        return [pid for pid in processes.children(self.pid) if processes.name(pid) == processes.name(self.pid)]

    def signal(self, number):
        """Sends the parent a signal and waits until httpd says that it is back."""
        since = self.mark()
        os.kill(self.pid, number)
        self.wait_for_log("resuming normal operations", since, 20)

    def graceful(self):
        """`apachectl graceful`."""
        self.signal(signal.SIGUSR1)

    def restart(self):
        """`apachectl restart`."""
        self.signal(signal.SIGHUP)

    def stop(self, timeout=20):
        """Stops httpd, then checks that no process and no file of it is left."""
        if not self.running():
            return
        self.process.terminate()
        self.process.wait(timeout)
        try:
            processes.wait_until(lambda: not self.processes(), 5, "the end of all processes")
        except AssertionError:
            left = processes.describe(self.processes())
            self._kill()
            raise AssertionError(f"processes are left after stop:\n{left}") from None
        # cgid's socket is httpd's own affair
        left = [path.name for path in (self.root / "run").iterdir() if not path.name.startswith("cgid")]
        assert not left, f"files are left in the runtime folder after stop: {left}"

    def processes(self):
        """Every process that belongs to this server, however it came to be."""
        return processes.mentioning(str(self.root))

    def _kill(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def discard(self):
        """Ends whatever is left and removes the folder."""
        self._kill()
        if self.process:
            self.process.wait(10)
        shutil.rmtree(self.root, ignore_errors=True)

    # Requests

    def connect(self, timeout=30):
        """A client connection."""
        return Connection(self.port, timeout)

    def request(self, method, path, *args, **kwargs):
        """One request on a connection of its own."""
        with self.connect() as connection:
            return connection.request(method, path, *args, **kwargs)

    def get(self, path, headers=(), **kwargs):
        """A GET request."""
        return self.request("GET", path, headers, **kwargs)

    def post(self, path, body=b"", headers=(), **kwargs):
        """A POST request."""
        return self.request("POST", path, headers, body, **kwargs)
