"""Scripts of access in a process group that cannot answer: a lost process, a full queue, limits, a group that fails."""

import subprocess
import time

import pytest
from support import access, processes
from support.access import location
from support.http import Connection

pytestmark = pytest.mark.ours  # process-group= on these directives


def refused(serve, text, options, expected, pattern, since=0, prepare=None):
    """A script in a group that cannot answer refuses, with the right status and one line that says why."""
    server = serve(f"WSGIDaemonProcess guard {options}\n"
                   + location("/", "WSGIAccessScript ${ROOT}/guard.py process-group=guard"), files={"guard.py": text})
    access.add_page(server)
    if prepare:
        prepare(server)
    since = server.mark()
    assert server.get("/page.html").status == expected
    server.wait_for_log(pattern, since)
    assert len([line for line in server.log(since).splitlines() if "wsgi:error" in line and "[client" in line]) == 1, server.log(since)
    return server


def test_death(serve):
    text = "import os, signal\ndef allow_access(environ, host):\n    os.kill(os.getpid(), signal.SIGKILL)\n    return True\n"
    refused(serve, text, "", 502, r"guard\.py in process group `guard` was lost: its process \d+ was killed by signal 9")


def test_end_of_the_process(serve):
    text = "import os\ndef allow_access(environ, host):\n    os._exit(3)\n    return True\n"
    refused(serve, text, "", 502, r"was lost: its process \d+ exited with status 3")


def test_death_after_a_question_to_mod_ssl(serve):
    text = ("import os\ndef allow_access(environ, host):\n    environ['mod_ssl.var_lookup']('HTTPS')\n    os._exit(3)\n")
    refused(serve, text, "", 502, r"was lost: its process \d+ exited with status 3")


def test_silence(serve):
    text = "import time\ndef allow_access(environ, host):\n    time.sleep(30)\n    return True\n"
    refused(serve, text, "socket-timeout=1 shutdown-timeout=1", 504, r"sent nothing for 1 s \(socket-timeout\)")


def test_queue(serve):
    text = ("import os, time\ndef allow_access(environ, host):\n    root = os.path.dirname(environ['DOCUMENT_ROOT'])\n"
            "    if 'HTTP_X_HOLD' not in environ: return True\n    open(root + '/data/held', 'w').close()\n"
            "    while not os.path.exists(root + '/data/go'): time.sleep(0.02)\n    return True\n")

    def hold(server):
        holder = Connection(server.port)
        holder.start("GET", "/page.html", {"X-Hold": "1"})
        processes.wait_until((server.root / "data" / "held").exists, 20)
        server.holder = holder

    server = refused(serve, text, "threads=1 queue-timeout=3", 504, r"longer than queue-timeout: 1 of its 1 threads were busy",
                     prepare=hold)
    (server.root / "data" / "go").touch()
    assert server.holder.finish().status == 200


def test_a_script_that_takes_too_long(serve):
    text = "import time\ndef allow_access(environ, host):\n    while True:\n        time.sleep(0.01)\n"
    refused(serve, text, "threads=1 request-timeout=1 interrupt-timeout=5", 504,
            r"Request interrupted by RequestTimeout; thread recovered \(.*guard\.py'")


def test_scripts_count_as_loaded(serve):
    """A group that only judges is not replaced for want of an application (startup-timeout)."""
    server = serve("WSGIDaemonProcess guard startup-timeout=2 threads=2\n"
                   + location("/", "WSGIAccessScript ${ROOT}/guard.py process-group=guard"),
                   files={"guard.py": "import os\ndef allow_access(environ, host):\n    print('runs in', os.getpid())\n    return True\n"})
    access.add_page(server)
    assert server.get("/page.html").status == 200
    first = server.wait_for_log(r"runs in (\d+)")[1]
    end = time.monotonic() + 4
    while time.monotonic() < end:
        since = server.mark()
        assert server.get("/page.html").status == 200
        assert server.wait_for_log(r"runs in (\d+)", since)[1] == first


def test_failing_group(serve):
    server = serve("WSGIDaemonProcess guard python-home=${ROOT}/venv\n"
                   + location("/", "WSGIAccessScript ${ROOT}/guard.py process-group=guard"), run=False,
                   files={"guard.py": "def allow_access(environ, host): return True"})
    access.add_page(server)
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", server.root / "venv"], check=True)
    packages = next((server.root / "venv" / "lib").glob("python3*/site-packages"))
    (packages / "stop.pth").write_text("import os; os._exit(7)\n")
    server.start()
    response = server.get("/page.html")
    assert response.status == 503 and response.header("Retry-After")
    assert "process group `guard` cannot start its processes" in server.log()


def test_unknown_group(serve):
    text = "def allow_access(environ, host): return True"
    server = serve(location("/", "WSGIAccessScript ${ROOT}/guard.py process-group=nowhere"), run=False, files={"guard.py": text})
    checked = server.configtest()
    assert checked.returncode and "nowhere" in checked.stderr + server.log()
    server = serve("<Directory ${ROOT}/htdocs>\n    AllowOverride AuthConfig\n</Directory>\n", files={"guard.py": text})
    access.add_page(server)
    server.write("htdocs/.htaccess", f"WSGIAccessScript {server.root}/guard.py process-group=nowhere\n")
    assert server.get("/page.html").status == 500
    assert "there is no process group `nowhere`" in server.log()
