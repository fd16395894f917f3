"""`ErrorLog syslog`: what process groups say outside of requests goes to the system's log, as what httpd says does."""

import fcntl
import os
import re
import signal
import socket
import threading

import pytest
from support.processes import wait_until

PLACE = "/dev/log"
SCRIPT = '''"""Prints at import, from a thread, in its request, and to its descriptor."""
import os, threading
print("said at import")
def application(environ, start_response):
    thread = threading.Thread(target=print, args=("said by a thread",))
    thread.start()
    thread.join()
    os.write(2, b"said to descriptor 2")
    print("said in a request")
    start_response("200 OK", [])
    return [b"ok"]
'''


@pytest.fixture
def alone():
    """Nobody listens at the place of syslogd, not even another of these tests."""
    with open("/var/tmp/mod_wsgi-test-syslog.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(PLACE):
            pytest.skip("THIS MACHINE HAS A SYSLOGD, which must not be disturbed")
        yield


@pytest.fixture
def messages(alone):
    """A syslogd of our own: what has come, in order."""
    came = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(PLACE)
        os.chmod(PLACE, 0o666)

        def receive():
            while (message := server.recv(65536)) != b"end":
                came.append(message.decode(errors="replace"))

        thread = threading.Thread(target=receive)
        thread.start()
        try:
            yield came
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
                client.connect(PLACE)
                client.send(b"end")
            thread.join()
            os.unlink(PLACE)


def configured(serve, conf, error_log):
    """A server whose main error log is syslog; it is known to run by its group's first message."""
    server = serve(conf, run=False, files={"says.py": SCRIPT})
    server.reconfigure("ErrorLog ${ROOT}/logs/error.log", f"ErrorLog {error_log}")
    server._listens = lambda: f":{server.port:04X} 00000000:0000 0A" in open("/proc/net/tcp", encoding="ascii").read()
    return server.start()


def said(messages, text):
    """Waits for a message with this text."""
    return wait_until(lambda: next((message for message in messages if text in message), None), 15, f"a message with {text!r}")


CONF = "WSGIDaemonProcess mine\nWSGIScriptAlias / ${ROOT}/says.py process-group=mine application-group=%{GLOBAL}\n"


@pytest.mark.ours
@pytest.mark.root
@pytest.mark.parametrize("error_log, facility, tag", [("syslog", 23, None), ("syslog:local1", 17, None), ("syslog:user:my-site", 1, "my-site")])
def test_lines_outside_of_requests(serve, messages, error_log, facility, tag):
    server = configured(serve, CONF, error_log)
    assert server.get("/").body == b"ok"
    own = said(messages, "said in a request")  # by httpd itself: ours look alike
    pattern = r"^<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d (\S+)\[(\d+)\]: \[wsgi:(\w+)\] \[pid (\d+):tid \d+\] "
    for text, severity in [("Starting process", 6), ("Loading WSGI script", 6), ("said at import", 5), ("said by a thread", 5)]:
        priority, name, pid, _, same_pid = re.match(pattern, said(messages, text)).groups()
        assert int(priority) == facility * 8 + severity
        assert name == re.match(pattern, own).group(2) == (tag or name)
        assert pid == same_pid
    said(messages, "said to descriptor 2")


@pytest.mark.ours
@pytest.mark.root
def test_over_a_graceful_restart(serve, messages):
    server = configured(serve, CONF, "syslog")
    server.get("/")
    del messages[:]
    os.kill(server.pid, signal.SIGUSR1)
    said(messages, "httpd was restarted gracefully")
    wait_until(lambda: server.get("/").body == b"ok" and any("said by a thread" in message for message in messages), 15, "a new worker's line")


@pytest.mark.ours
@pytest.mark.root
def test_a_host_with_a_file_of_its_own(serve, messages):
    host = ("<VirtualHost *:${PORT}>\nServerName one.example\nErrorLog ${ROOT}/logs/one.log\nWSGIDaemonProcess mine\n"
            "WSGIScriptAlias / ${ROOT}/says.py process-group=mine\n</VirtualHost>\n")
    server = configured(serve, host, "syslog")
    assert server.get("/", host="one.example").body == b"ok"
    server.wait_for_log(r"^\[.*said by a thread", name="one.log")
    assert not [message for message in messages if "said" in message]


@pytest.mark.ours
@pytest.mark.root
def test_without_a_syslogd(serve, alone):
    server = configured(serve, CONF, "syslog")
    assert server.get("/").body == b"ok"
