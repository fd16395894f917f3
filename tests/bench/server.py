"""The servers that are compared: one httpd configuration, with one part that differs."""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

from measure import Failure, tree

HOST = "mod_wsgi_host.abi3.so"
LEADER = "mod_wsgi_leader"

# name: (whose module, options of WSGIDaemonProcess or None for embedded mode)
SERVERS = {
    "static": (None, None),
    "embedded": ("ours", None),
    "mod_wsgi embedded": ("theirs", None),
    "daemon 1x16": ("ours", "threads=16"),
    "mod_wsgi daemon 1x16": ("theirs", "threads=16"),
    "daemon 2x8": ("ours", "processes=2 threads=8"),
    "mod_wsgi daemon 2x8": ("theirs", "processes=2 threads=8"),
}
NAMES = list(SERVERS)

COMMON = """\
ServerName localhost
ServerRoot {root}
PidFile {root}/httpd.pid
DefaultRuntimeDir {root}
Listen 127.0.0.1:{port}
{modules}
{identity}
StartServers 1
ServerLimit 1
ThreadLimit 16
ThreadsPerChild 16
MaxRequestWorkers 16
MaxKeepAliveRequests 0
KeepAliveTimeout 30
ErrorLog {root}/error.log
LogLevel warn
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog {root}/access.log common
<Directory />
    AllowOverride None
    Require all granted
</Directory>
DocumentRoot {root}/htdocs
"""

EMBEDDED = """\
WSGIPythonHome {home}
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {script}
"""

DAEMON = """\
WSGIDaemonProcess bench python-home={home} {options}
WSGIProcessGroup bench
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {script}
"""


class Setup:
    """What was found on this machine, and the folder that everything runs in."""

    def __init__(self, httpd, modules, stage, out):
        self.httpd = httpd
        self.modules = modules
        self.stage = stage
        self.out = out
        self.home = out / "venv"
        self.servers = []

    @classmethod
    def find(cls, stage, out):
        httpd = next(filter(None, map(shutil.which, ("apache2", "httpd", "/usr/sbin/apache2", "/usr/sbin/httpd"))), None)
        if httpd is None:
            raise Failure("found neither apache2 nor httpd; on Debian: apt-get install apache2")
        apxs = shutil.which(os.environ.get("APXS", "apxs"))
        modules = "/usr/lib/apache2/modules"
        if apxs:
            modules = subprocess.run([apxs, "-q", "LIBEXECDIR"], text=True, capture_output=True).stdout.strip() or modules
        out = reachable(out.resolve())
        out.mkdir(parents=True, exist_ok=True)
        return cls(httpd, pathlib.Path(modules), stage.resolve(), out)

    def module(self, whose):
        """The shared library to load, ours as a copy that a build at the same time does not touch."""
        if whose == "theirs":
            return self.modules / "mod_wsgi.so"
        copy = self.out / "stage"
        copy.mkdir(exist_ok=True)
        for name in ("mod_wsgi.so", HOST, LEADER):
            old, new = copy / name, self.stage / name
            if not old.exists() or old.stat().st_mtime != new.stat().st_mtime:
                old.unlink(missing_ok=True)
                shutil.copy2(new, old)
        return copy / "mod_wsgi.so"

    def available(self, name, required):
        whose, _ = SERVERS[name]
        if whose == "ours":
            missing = [part for part in ("mod_wsgi.so", HOST, LEADER) if not (self.stage / part).exists()]
            why = f"{self.stage} lacks {', '.join(missing)}; run `make` first, or name the folder with --stage"
        elif whose == "theirs":
            path = self.modules / "mod_wsgi.so"
            missing = not path.exists() or HOST.encode() in path.read_bytes()
            why = "the module to compare with is not installed; on Debian: apt-get install libapache2-mod-wsgi-py3"
        else:
            missing, why = False, ""
        if missing and (required or whose == "ours"):
            raise Failure(f"{name}: {why}")
        return not missing

    @contextlib.contextmanager
    def start(self, name, script):
        """Runs httpd until the block ends; stops it and everything it started."""
        root = self.out / "run"
        shutil.rmtree(root, ignore_errors=True)
        (root / "htdocs").mkdir(parents=True)
        (root / "htdocs/index.txt").write_bytes(b"Hello world\n")
        port = free_port()
        (root / "httpd.conf").write_text(self.configuration(name, script, root, port))
        command = [self.httpd, "-DFOREGROUND", "-f", str(root / "httpd.conf")]
        with open(root / "console.log", "wb") as console:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        running = Running(name, process, root, port, "/index.txt" if name == "static" else "/")
        try:
            running.wait_until_up()
            yield running
        finally:
            running.stop()

    def configuration(self, name, script, root, port):
        whose, options = SERVERS[name]
        found = [(part, self.modules / f"mod_{part}.so") for part in ("mpm_event", "authz_core", "log_config", "unixd")]
        lines = [f"LoadModule {part}_module {path}" for part, path in found if path.exists()]  # the rest is built in
        if whose:
            lines.append(f"LoadModule wsgi_module {self.module(whose)}")
        identity = identity_of_httpd() if os.geteuid() == 0 else ""
        text = COMMON.format(root=root, port=port, modules="\n".join(lines), identity=identity)
        if whose:
            text += (DAEMON if options else EMBEDDED).format(home=self.home, script=script, options=options)
        return text


class Running:
    """A started httpd."""

    def __init__(self, name, process, root, port, path):
        self.name, self.process, self.root, self.port, self.path = name, process, root, port, path
        self.url = f"http://127.0.0.1:{port}{path}"

    def processes(self):
        """Process ids: httpd, its children, leaders and workers."""
        return tree(self.process.pid)

    def wait_until_up(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failure(f"{self.name}: httpd ended with {self.process.returncode}\n{self.logs()}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.05)
        raise Failure(f"{self.name}: httpd did not listen within 20 s\n{self.logs()}")

    def logs(self):
        texts = []
        for name in ("console.log", "error.log"):
            with contextlib.suppress(OSError):
                texts.append((self.root / name).read_text(errors="replace"))
        return "\n".join(texts)[-4000:]

    def stop(self):
        started = self.processes()
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        end = time.monotonic() + 10
        while (left := [pid for pid in started if alive(pid)]) and time.monotonic() < end:
            time.sleep(0.05)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if left:
            raise Failure(f"{self.name}: these processes outlived httpd and were killed: {left}")


def identity_of_httpd():
    """User and Group for an httpd that root starts; the name depends on the distribution."""
    for name in ("www-data", "apache", "wwwrun", "http", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return f"User {name}\nGroup #{user.pw_gid}"
    raise Failure("found no unprivileged user for httpd (www-data, apache, wwwrun, http, nobody)")


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def reachable(folder):
    """`folder`, or one in /tmp when root runs this and httpd's user could not enter `folder`."""
    if os.geteuid() != 0:
        return folder
    for parent in folder.parents:
        if parent.exists() and not parent.stat().st_mode & 0o001:
            return pathlib.Path("/tmp/mod_wsgi-bench")
    return folder
