"""demo/run: from nothing to an answer, its messages, and that Ctrl-C leaves nothing. Needs the network once, for pip."""

import os
import re
import shutil
import signal
import subprocess
import tempfile

import pytest
from support import httpd, processes
from support.http import Connection
from support.processes import wait_until
from support.server import free_port

RUN = httpd.REPOSITORY / "demo" / "run"


@pytest.fixture(params=["root", "user"])
def state(request):
    """A state folder, and who runs the demo."""
    if os.geteuid() != 0 and request.param == "root":
        pytest.skip("needs root")
    folder = tempfile.mkdtemp(prefix="mod_wsgi-test-demo-", dir=httpd.SCRATCH)
    os.chmod(folder, 0o755)
    tree = os.path.join(folder, "source")
    shutil.copytree(RUN.parent, os.path.join(tree, "demo"), ignore=shutil.ignore_patterns("__pycache__"))
    identity = {}
    if os.geteuid() == 0 and request.param == "user":
        os.chown(folder, 1, 1)
        identity = {"user": "daemon", "group": "daemon", "extra_groups": []}
    yield folder, os.path.join(tree, "demo", "run"), identity
    shutil.rmtree(folder)


def environment(folder, port):
    """What the demo is told."""
    return {"PATH": os.environ["PATH"], "STATE": os.path.join(folder, "state"), "STAGE": str(httpd.module().parent), "PORT": str(port),
            "HOME": folder}


def test_demo(state):
    folder, run, identity = state
    port = free_port()
    demo = subprocess.Popen([run], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/", start_new_session=True,
                            env=environment(folder, port), **identity)
    said = []
    for line in demo.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    text = "".join(said)
    assert f"http://127.0.0.1:{port}/" in text, text
    user, password = re.search(r"user (\w+), password (\S+)", text).groups()
    assert user == "admin" and len(password) > 8
    for log in re.findall(r"(?:error|access) log +(\S+)", text):
        assert os.path.exists(log)
    with Connection(port) as client:
        page = client.request("GET", "/")
        assert page.status == 200 and "There is no note yet" in page.text
    with Connection(port) as client:
        assert client.request("GET", "/static/notes/style.css").status == 200
    second = subprocess.run([run], capture_output=True, text=True, env=environment(folder, port), **identity)
    assert second.returncode != 0 and f"port {port} is in use" in second.stderr

    os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: everybody in the foreground gets it
    assert demo.wait(30) == 0
    assert "Stopped." in demo.stdout.read()
    wait_until(lambda: not processes.mentioning(folder), 10, "the end of all processes")
    assert not os.path.exists(os.path.join(folder, "state", "run"))


@pytest.mark.parametrize("changes, message", [({"PORT": "http"}, "is not a port"), ({"APXS": "/nothing"}, ""),
                                              ({"STAGE": "/nothing"}, "run make")])
def test_messages(tmp_path, changes, message):
    result = subprocess.run([RUN], capture_output=True, text=True, env={**environment(str(tmp_path), free_port()), **changes})
    assert result.returncode != 0
    assert message in result.stderr


def test_missing_packages_are_named(tmp_path):
    """As an ordinary user without apxs: what is missing, and how to get it."""
    for name in ("bash", "id", "ls", "cat", "dirname", "grep"):
        os.symlink(f"/usr/bin/{name}", tmp_path / name)
    result = subprocess.run(["/usr/bin/bash", httpd.REPOSITORY / "apxs" / "packages"], capture_output=True, text=True,
                            env={"PATH": str(tmp_path), "APXS": ""})
    assert result.returncode != 0
    assert "missing: " in result.stderr and "apache2-dev" in result.stderr and "no apt-get here" in result.stderr
