"""No secrets in daemons: neither httpd's key nor its descriptors, memory or libraries are in leaders and workers."""

import os
import pwd
import subprocess

import pytest
from support import httpd, memory, processes
from support.http import Connection
from support.server import free_port

pytestmark = [pytest.mark.ours, pytest.mark.root]

CONF = """
Listen 127.0.0.1:{port}
<VirtualHost *:{port}>
    ServerName secure.example.com:{port}
    SSLEngine On
    SSLCertificateFile ${{ROOT}}/tls/server.pem
    SSLCertificateKeyFile ${{ROOT}}/tls/server.key
    ErrorLog ${{ROOT}}/logs/secure.log
    CustomLog ${{ROOT}}/logs/secure-access.log tests
</VirtualHost>
WSGIDaemonProcess secret threads=2 {options}
WSGIScriptAlias / ${{ROOT}}/show.py process-group=secret application-group=%{{GLOBAL}}
"""
SHOW = '''"""Shows processes that come from this one: itself, a copy, and programs."""
import json, os, subprocess, sys

LIST = "import os; print(os.getpid(), flush=True); input()"

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/fork":
        ready, tell = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(tell)
            os.read(ready, 1)  # until the test has looked: it kills this
            os._exit(0)
        os.close(ready)
        kept.append(tell)
        return [b"%d" % pid]
    if environ["PATH_INFO"] == "/program":
        child = subprocess.Popen([sys.executable, "-c", LIST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
        kept.append(child)
        return [child.stdout.readline()]
    return [b"%d" % os.getpid()]

kept = []
'''
USERS = {"root": None, "ordinary": "nobody"}


class Group:
    """The server, its key, and the processes of its group."""

    def __init__(self, server, needles):
        self.server, self.needles = server, needles

    @property
    def worker(self):
        response = self.server.get("/")
        assert response.status == 200, response
        return int(response.body)

    @property
    def leader(self):
        return processes.parent(self.worker)

    def made(self, how):
        """A process that the application makes."""
        return int(self.server.get(f"/{how}").body)


@pytest.fixture
def start(serve):
    """Starts a server with TLS; `user` runs all of it."""

    def make(user=None, options="", conf="", **settings):
        server = serve(CONF.format(port=free_port(), options=options) + conf, "embedded", run=False, run_as=user,
                       modules=("ssl", "socache_shmcb"), files={"show.py": SHOW}, **settings)
        folder = server.root / "tls"
        folder.mkdir()
        needles = memory.rsa_key(folder / "server.key", folder / "server.pem")
        if user:
            for path in [folder, *folder.iterdir()]:
                os.chown(path, pwd.getpwnam(user).pw_uid, -1)
        server.start()
        return Group(server, needles)

    return make


@pytest.fixture(params=USERS)
def group(request, start):
    """A group below an httpd that root started, and one of an ordinary user."""
    return start(USERS[request.param])


def test_the_key_is_in_no_daemon(group):
    # the search finds what is there
    parts = {name for name in group.needles if name.endswith("stored")}
    assert memory.found(group.server.pid, group.needles) >= parts
    children = group.server.httpd_children()  # and cgid's process, which is made before the key is read
    assert [child for child in children if memory.found(child, group.needles) >= parts], processes.describe(children)

    for _ in range(2):
        family = [group.worker, group.leader, group.made("fork"), group.made("program")]
        for pid in family:
            assert memory.found(pid, group.needles) == set(), processes.describe([pid])
        group.server.graceful()
        # httpd's new generation has its own group, and the old one leaves
        processes.wait_until(lambda: not processes.alive(family[1]), 20, "the end of the old leader")
        assert group.leader != family[1]


def test_libraries(group):
    for pid in (group.worker, group.leader):
        mapped = list(memory.mappings(pid))
        files = {file for _, _, _, file in mapped}
        foreign = [file for file in files if file.startswith(str(httpd.modules())) or "libapr" in file or file.endswith("/mod_wsgi.so")]
        assert foreign == []
        # The scoreboard is shared memory, of a kind that has no name or that of a file.
        shared = {file for _, _, permissions, file in mapped if permissions[3] == "s" and not file.startswith("/usr/")}
        assert len(shared) == 1 and shared.pop().startswith("/memfd:"), shared
    libraries = {os.path.basename(file).split(".")[0] for file in processes.maps(group.leader) if file.startswith("/")}
    assert libraries <= {"mod_wsgi_leader", "ld-linux-x86-64", "ld-linux-aarch64", "libc", "libgcc_s", "libm", "memfd:mod_wsgi (deleted)"}, libraries


def test_descriptors(group):
    log = str(group.server.root / "logs" / "error.log")
    streams = {0: "/dev/null", 1: log, 2: log}
    # Sockets without names; what waits for signals, time and processes; the error log of the group's own server.
    private = {"unix seqpacket", "unix stream", "pipe", "/memfd:mod_wsgi (deleted)", "anon_inode:[eventpoll]", "anon_inode:[eventfd]",
               "anon_inode:[timerfd]", "anon_inode:[signalfd]", "anon_inode:[pidfd]", "pidfd"}
    for pid in (group.worker, group.leader):
        listing = memory.descriptors(pid)
        assert {number: listing.pop(number) for number in streams} == streams
        assert set(listing.values()) <= private, listing

    # what the application starts has the standard streams, and what the application itself has opened
    program = memory.descriptors(group.made("program"))
    assert {0: program.pop(0), 1: program.pop(1)} == {0: "pipe", 1: "pipe"}
    assert program == {2: log}
    forked = group.made("fork")

    def harmless():
        """No way to httpd or the leader; what runs after a fork closes the ways, so the copy has them for a moment."""
        copy = memory.descriptors(forked)
        assert {number: copy.pop(number) for number in streams} == streams
        return set(copy.values()) <= {"pipe", "anon_inode:[eventfd]"}

    processes.wait_until(harmless, what="the copy to close what is not its own")


def test_nobody_may_look_into_daemons(group):
    for pid in (group.worker, group.leader):
        assert not memory.dumpable(pid)
    # The user itself is refused, so a process of another group is, too.
    look = "import sys\nfor pid in sys.argv[1:]:\n    try: open(f'/proc/{pid}/mem', 'rb')\n    except PermissionError: print('refused')"
    tried = subprocess.run(["/usr/bin/python3", "-c", look, str(group.worker), str(group.leader)], capture_output=True, text=True,
                           user=processes.real_uid(group.worker), group=0, extra_groups=[])
    assert tried.stdout.split() == ["refused", "refused"], tried


def test_core_files_only_where_they_are_wanted(start):
    group = start(conf="CoreDumpDirectory ${ROOT}/data\n")
    assert memory.dumpable(group.worker) and memory.dumpable(group.leader)
    assert memory.found(group.worker, group.needles) == memory.found(group.leader, group.needles) == set()


def test_a_group_of_a_virtual_host_has_the_log_of_that_host_alone(serve):
    port = free_port()
    conf = (f"Listen 127.0.0.1:{port}\n<VirtualHost *:{port}>\nServerName host.example.com\nErrorLog ${{ROOT}}/logs/host.log\n"
            "WSGIDaemonProcess own threads=1\nWSGIScriptAlias / ${ROOT}/show.py process-group=own application-group=%{GLOBAL}\n</VirtualHost>\n"
            "WSGIDaemonProcess main threads=1\nWSGIScriptAlias / ${ROOT}/show.py process-group=main\n")
    server = serve(conf, "embedded", files={"show.py": SHOW})
    logs = {"own": str(server.root / "logs" / "host.log"), "main": str(server.root / "logs" / "error.log")}
    with Connection(port) as client:
        workers = {"own": int(client.request("GET", "/", host="host.example.com").body), "main": int(server.get("/").body)}
    for name, worker in workers.items():
        for pid in (worker, processes.parent(worker)):
            files = {target for target in memory.descriptors(pid).values() if target.startswith("/var")}
            assert files == {logs[name]}
