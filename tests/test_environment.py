"""The environment of processes in a group: httpd's own, `env-file` and `env`; who has it, and who never shows it."""

import json
import os
import pwd
import re
import signal

import pytest
from support import memory, processes

pytestmark = pytest.mark.ours

MOUNT = "WSGIScriptAlias /{name} ${{ROOT}}/show.py process-group={name}\n"
SHOW = '''"""Shows the environment as it was when this was imported, and as programs get it."""
import json, os, subprocess

AT_IMPORT = {name: os.fsencode(value).hex() for name, value in os.environ.items()}

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    program = subprocess.run(["/usr/bin/env", "-0"], capture_output=True).stdout.split(b"\\0")
    pairs = [line.partition(b"=") for line in program if line]
    return [json.dumps([os.getpid(), AT_IMPORT, {name.decode(): value.hex() for name, _, value in pairs}]).encode()]
'''
FILE = """# what the site needs
export PASSWORD='hidden pass#word'
TOKEN=hidden-token
KEY="-----BEGIN hidden
second line-----"
SHARED=hidden-file
LANG=hidden
"""


def group(name, options=""):
    """A group and the application that shows its environment, at /NAME."""
    return f"WSGIDaemonProcess {name} threads=1 {options}\n" + MOUNT.format(name=name)


def shown(server, name):
    """The process of group `name`, and its environment."""
    response = server.get(f"/{name}")
    assert response.status == 200, response
    pid, environment, program = json.loads(response.body)
    environment, program = ({name: bytes.fromhex(value) for name, value in some.items()} for some in (environment, program))
    assert environment.items() <= program.items()
    return pid, environment


@pytest.fixture
def start(serve):
    """A server with a file `secrets/env`, which only its owner can read."""

    def make(conf, text=FILE, run=True, **settings):
        server = serve(conf, "embedded", run=False, files={"show.py": SHOW}, **settings)
        if text is not None:
            secret(server, text)
        return server.start() if run else server

    return make


def secret(server, text):
    """Writes the file."""
    folder = server.root / "secrets"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    (folder / "env").write_text(text)
    (folder / "env").chmod(0o600)


def test_file_and_options(start):
    options = "env-file=${ROOT}/secrets/env env=SHARED=hidden-option env='TWO=two hidden words' env=EMPTY= env=SHARED=hidden-last lang=C.UTF-8"
    server = start(group("a", options) + group("b"), level="trace2")
    pid, environment = shown(server, "a")
    wanted = {"PASSWORD": b"hidden pass#word", "TOKEN": b"hidden-token", "KEY": b"-----BEGIN hidden\nsecond line-----",
              "SHARED": b"hidden-last", "TWO": b"two hidden words", "EMPTY": b"", "LANG": b"C.UTF-8"}
    assert {name: environment.get(name) for name in wanted} == wanted

    # nobody else has it, and nobody prints it
    _, other = shown(server, "b")
    assert not [value for value in other.values() if b"hidden" in value]
    assert not [pid for pid in [server.pid, *processes.descendants(server.pid)] if "hidden" in processes.command(pid)]
    if os.geteuid() == 0:
        leader = processes.parent(pid)
        assert not [value for value in memory.environment(leader).values() if b"hidden" in value]
    server.graceful()
    server.stop()
    assert "hidden" not in server.log() + server.log(name="console")


def test_a_restart_reads_the_file_again(start):
    server = start(group("a", "env-file=${ROOT}/secrets/env"))
    before, environment = shown(server, "a")
    secret(server, "TOKEN=changed\nNEW=1\n")
    assert shown(server, "a")[1]["TOKEN"] == b"hidden-token"
    server.graceful()
    processes.wait_until(lambda: not processes.alive(before), 20, "the end of the process")
    pid, environment = shown(server, "a")
    assert (environment["TOKEN"], environment["NEW"]) == (b"changed", b"1") and "PASSWORD" not in environment
    server.restart()
    assert shown(server, "a")[1]["TOKEN"] == b"changed"


def test_a_bad_file_at_a_restart_ends_httpd(start):
    server = start(group("a", "env-file=${ROOT}/secrets/env"))
    shown(server, "a")
    secret(server, "hidden")
    os.kill(server.pid, signal.SIGUSR1)
    assert server.process.wait(20) != 0
    processes.wait_until(lambda: not server.processes(), 10, "the end of all processes")
    told = server.log() + server.log(name="console")
    assert "env-file=" in told and "line 1: there is no `=`" in told and "hidden" not in told


@pytest.mark.root
def test_a_file_of_root_alone(start):
    server = start(group("a", "user=nobody group=nogroup env-file=${ROOT}/secrets/env env=HOME=/tmp env=LC_ALL=no locale=C.UTF-8"))
    pid, environment = shown(server, "a")
    assert processes.real_uid(pid) == pwd.getpwnam("nobody").pw_uid
    assert environment["TOKEN"] == b"hidden-token"
    # what the account would say gives way, what an option says does not
    assert (environment["HOME"], environment["USER"], environment["LC_ALL"]) == (b"/tmp", b"nobody", b"C.UTF-8")
    # a new worker has it as well
    os.kill(pid, 9)
    processes.wait_until(lambda: not processes.alive(pid), 10, "the end of the process")
    again, environment = shown(server, "a")
    assert again != pid and environment["TOKEN"] == b"hidden-token"


@pytest.mark.root
@pytest.mark.parametrize("user", [None, "nobody"])
def test_nothing_but_httpds_own_environment(start, user):
    server = start(group("a") + group("b", "env=ONE=1"), text=None, run_as=user, env={"PYTHONHOME": "/nowhere", "OF_HTTPD": "yes"})
    worker, _ = shown(server, "a")
    account = pwd.getpwnam(user or "www-data")
    own = {name: value for name, value in memory.environment(server.pid).items() if name != "PYTHONHOME"}
    assert own["OF_HTTPD"] == b"yes"
    own |= {"HOME": account.pw_dir.encode(), "USER": account.pw_name.encode(), "LOGNAME": account.pw_name.encode()}
    assert memory.environment(processes.parent(worker)) == own
    assert memory.environment(worker) == own
    assert memory.environment(shown(server, "b")[0]) == own | {"ONE": b"1"}


BAD = {
    "missing": (None, r"env-file={root}/secrets/env cannot be read: No such file .*; correct the path"),
    "no name": ("A=1\nhidden", r"env-file={root}/secrets/env, line 2: there is no `=`; write NAME=value"),
    "unclosed": ("A=1\n\nB='hidden\n", r"env-file={root}/secrets/env, line 3: the quote that begins here has no end; close it"),
    "odd name": ("hid den=1", r"env-file={root}/secrets/env, line 1: what stands before `=` is not a name"),
    "PYTHONHOME": ("PYTHONHOME=/hidden", r"env-file={root}/secrets/env, line 1: PYTHONHOME would break .* python-home="),
    "NUL": ("A=hidden\0", r"env-file={root}/secrets/env, line 1: there is a NUL"),
    "large": ("#" * (1 << 20) + "hidden", r"env-file={root}/secrets/env is larger than 1M"),
    "long": (f"A=hidden{'x' * 131072}", r"env-file={root}/secrets/env, line 1: the variable is longer than 128K"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_stops_httpd(start, case):
    text, message = BAD[case]
    server = start(group("a", "env-file=${ROOT}/secrets/env"), text=text, run=False)
    message = r"the process group `a` at line \d+ of {root}/httpd.conf: ".replace("{root}", str(server.root)) + message.replace("{root}", str(server.root))
    checked = server.configtest()
    assert checked.returncode != 0 and re.search(message, checked.stderr), checked.stderr
    with pytest.raises(AssertionError, match="httpd ended with 1") as told:
        server.start()
    assert "hidden" not in checked.stderr + server.log() + server.log(name="console")
    assert re.search(message, str(told.value))


@pytest.mark.root
def test_a_file_that_httpd_may_not_read(start):
    server = start(group("a", "env-file=${ROOT}/secrets/env"), run=False, run_as="nobody")
    message = r"env-file=.*/secrets/env cannot be read: Permission denied .*let the user who starts httpd read the file"
    with pytest.raises(AssertionError, match=message):
        server.start()


def test_what_is_no_file(start):
    for path, message in [("/dev/zero", "is not a file"), ("${ROOT}", "is not a file"), ("secrets/env", "starts with /")]:
        checked = start(group("a", f"env-file={path}"), text=None, run=False).configtest()
        assert checked.returncode != 0 and message in checked.stderr, checked.stderr


def test_bad_options(start):
    for option, message in [("env=hidden", "there is no `=`"), ("env==hidden", "is not a name"), ("env=A B=hidden", "no `=`"),
                            ('env=A="two hidden"', "not shown"), ("env=PYTHONHOME=/hidden", "python-home=")]:
        checked = start(group("a", option), text=None, run=False).configtest()
        assert checked.returncode != 0 and message in checked.stderr and "hidden" not in checked.stderr, checked.stderr


def test_what_is_allowed_but_hardly_meant(start):
    server = start(group("a", 'env-file=${ROOT}/secrets/env env=A="hidden"'), run=False)
    (server.root / "secrets").chmod(0o755)
    (server.root / "secrets" / "env").chmod(0o644)
    server.start()
    server.wait_for_log("process group `a` at line .*: env-file=.* can be read by others than its owner; .*chmod o-rwx")
    server.wait_for_log('process group `a` at line .*: the quotes in env=A= are part of its value')
    assert "hidden" not in server.log()
