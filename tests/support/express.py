"""mod_wsgi-express in a folder of its own: an application, the command with its options, and nothing left over."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from . import httpd, processes
from .http import Connection
from .server import free_port

HELLO = '''"""Answers with what it was given."""
import json, os, sys
VERSION = 1

def application(environ, start_response):
    names = ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "wsgi.url_scheme", "wsgi.multiprocess",
             "mod_wsgi.process_group", "mod_wsgi.application_group", "HTTP_AUTHORIZATION", "REMOTE_USER")
    found = {name: environ.get(name) for name in names}
    found.update({name: value for name, value in environ.items() if name.startswith(("OWN_", "SSL_PROTOCOL"))})
    found.update(version=VERSION, pid=os.getpid(), uid=os.getuid(), gid=os.getgid(), cwd=os.getcwd(), path=sys.path,
                 name=__name__, prefix=sys.prefix, env={k: v for k, v in os.environ.items() if k.startswith(("MOD_WSGI_", "L"))})
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]
'''
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # the system's Python, which every user can run


def program():
    """The command under test."""
    found = httpd.module().parent / "mod_wsgi-express"
    assert found.exists(), f"{found} does not exist: run `make` first"
    return str(found)


class Express:
    """One server root, made and started by tests; `user` is who starts it, root or an ordinary user."""

    def __init__(self, user):
        self.user = user
        self.folder = Path(tempfile.mkdtemp(prefix="mod_wsgi-test-express-", dir=httpd.SCRATCH))
        self.folder.chmod(0o1777)  # it is the folder for temporary files, too
        self.port, self.process, self.out = free_port(), None, self.folder / "out"
        self.write("wsgi.py", HELLO)
        if self.user != "root":
            entry = pwd.getpwnam(user)
            for path in [self.folder, *self.folder.iterdir()]:
                os.chown(path, entry.pw_uid, entry.pw_gid)

    def write(self, name, text, mode=0o644):
        """A file in the folder, made at once."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".fresh")
        fresh.write_text(text)
        fresh.chmod(mode)
        fresh.rename(path)
        return path

    @property
    def root(self):
        """The default server root."""
        uid = 0 if self.user == "root" else pwd.getpwnam(self.user).pw_uid
        return self.folder / f"mod_wsgi-localhost:{self.port}:{uid}"

    def arguments(self, command, options):
        """The command line."""
        given = [str(option) for option in options]
        identity = ["--user", "www-data"] if self.user == "root" and "--user" not in given else []
        port = [] if "--port" in given else ["--port", str(self.port)]
        return [program(), command, *given, *port, *identity]

    def identity(self):
        """Who runs it, for subprocess."""
        if self.user == "root" or os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def environment(self, **more):
        """A plain environment."""
        return {"PATH": PATH, "TMPDIR": str(self.folder), "HOME": str(self.folder), "LANG": "C.UTF-8", **more}

    def run(self, *line, **environment):
        """Any command, to its end."""
        return subprocess.run([str(word) for word in line], capture_output=True, text=True, cwd=self.folder, timeout=60,
                              check=False, env=self.environment(**environment), stdin=subprocess.DEVNULL, **self.identity())

    def setup(self, *options, **environment):
        """setup-server, to its end."""
        return self.run(*self.arguments("setup-server", options), **environment)

    def conf(self):
        """What was written for httpd."""
        return (self.root / "httpd.conf").read_text()

    def launch(self, line, **environment):
        """Starts a command that goes on running, and waits until the port is bound or it has ended."""
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen([str(word) for word in line], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            cwd=self.folder, env=self.environment(**environment), start_new_session=True,
                                            **self.identity())
        processes.wait_until(lambda: self.process.poll() is not None or self.is_bound(), 30, "the server to listen")
        return self

    def start(self, *options, **environment):
        """start-server; it must come up."""
        self.launch(self.arguments("start-server", options), **environment)
        assert self.process.poll() is None, self.output()
        return self

    def is_bound(self):
        """Whether somebody listens on the port."""
        tables = "".join(Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
        return bool(re.search(rf":{self.port:04X} 0+:0000 0A", tables))

    def output(self):
        """What the command has printed, with the error log."""
        log = self.root / "error_log"
        out = self.out.read_text(errors="replace") if self.out.exists() else ""
        return out + (log.read_text(errors="replace") if log.exists() else "")

    def stop(self):
        """Ends it, and checks that nothing is left."""
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(20)
        processes.wait_until(lambda: not self.processes(), 10, "the end of all processes")

    def processes(self):
        """Every process that belongs to it."""
        return processes.mentioning(str(self.folder))

    def discard(self):
        """Ends whatever is left and removes the folder."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process:
            self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    # Requests

    def connect(self, wrap=None, port=None):
        """A client connection."""
        return Connection(port or self.port, wrap=wrap)

    def request(self, method, path, *args, wrap=None, port=None, **kwargs):
        """One request on a connection of its own."""
        with self.connect(wrap, port) as connection:
            return connection.request(method, path, *args, **kwargs)

    def get(self, path="/", headers=(), **kwargs):
        """A GET request."""
        return self.request("GET", path, headers, **kwargs)
