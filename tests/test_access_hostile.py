"""What nobody may do by way of access scripts: clients with odd names, and the users of process groups that judge."""

import re
import struct

import pytest
from support import access
from support.access import basic, location

pytestmark = pytest.mark.ours  # process-group= on these directives, and words of the log

FORGED = "forged by a client"


def lines_of(server, text):
    """The lines of the error log that begin with `text`, behind what httpd writes in front of each."""
    return [line for line in server.log().splitlines() if re.search(rf"(^|\] ){re.escape(text)}", line)]


@pytest.mark.parametrize("place", access.PLACES)
def test_a_name_with_line_ends_makes_no_lines_of_the_log(serve, place):
    lines, option = access.PLACES[place]
    server = serve(
        lines + location("/", f"WSGIAccessScript ${{ROOT}}/deny.py{option}")
        + "WSGIScriptAlias /app/ ${ROOT}/apps/\n"
        + location("/app", f"WSGIAccessScript ${{ROOT}}/allow.py{option}")
        + location("/user", "AuthType Basic", "AuthName realm", "AuthBasicProvider wsgi", "Require wsgi-group staff",
                   f"WSGIAccessScript ${{ROOT}}/allow.py{option}", f"WSGIAuthUserScript ${{ROOT}}/allow.py{option}",
                   f"WSGIAuthGroupScript ${{ROOT}}/allow.py{option}"),
        files={"deny.py": "def allow_access(environ, host): return False", "allow.py":
               "def allow_access(environ, host): return True\ndef check_password(environ, user, password): return True\n"
               "def groups_for_user(environ, user): return []\n"})
    end = "%0A" + FORGED.replace(" ", "%20")
    assert server.get("/x" + end).status == 403
    assert server.get("/app/x" + end).status == 404
    assert server.get("/user", basic("joe\n" + FORGED, "x")).status == 401
    log = server.log()
    assert log.count(FORGED) >= 3 and "by the access script" in log and "in none of the required groups" in log
    assert "the target WSGI script was not found" in log
    assert not lines_of(server, FORGED)


def test_a_file_name_with_line_ends_makes_no_lines_of_the_log(serve):
    """`%F` of ErrorLogFormat shows the name of a source file, which a worker may choose."""
    text = ("import logging, mod_wsgi\ndef allow_access(environ, host):\n"
            "    record = logging.LogRecord('a', logging.ERROR, 'x.py\\nforged line', 1, 'reported', (), None)\n"
            "    mod_wsgi.LogHandler().handle(record)\n    return True\n")
    server = serve("LogLevel debug\nErrorLogFormat \"[%t] [%F] %M\"\nWSGIDaemonProcess guard\n"
                   + location("/", "WSGIAccessScript ${ROOT}/guard.py process-group=guard"), files={"guard.py": text})
    access.add_page(server)
    assert server.get("/page.html").status == 200
    server.wait_for_log("reported")
    assert not lines_of(server, "forged line")


RENAMES = """
def check_password(environ, user, password):
    return "joe" + chr(int(password))
"""


@pytest.mark.parametrize("place", access.PLACES)
def test_names_with_control_characters_are_refused(serve, place):
    """They would be lines of the headers that mod_headers and mod_proxy make of the user's name."""
    lines, option = access.PLACES[place]
    server = serve(lines + location("/", "AuthType Basic", "AuthName realm", "AuthBasicProvider wsgi", "Require valid-user",
                                    f"WSGIAuthUserScript ${{ROOT}}/user.py{option}"), files={"user.py": RENAMES})
    access.add_page(server)
    controls = [*range(32), 127]
    assert {code: server.get("/page.html", basic("joe", str(code))).status for code in controls} == dict.fromkeys(controls, 500)
    for code in (32, 126, 0xE9, 0x20AC):
        assert server.get("/page.html", basic("joe", str(code))).status == 200
    assert "check_password() returned a str with a control character in it" in server.log()


ASKS = """
def allow_access(environ, host):
    ask = environ["mod_ssl.var_lookup"]
    for name in ("ENV:OF_HTTPD", "HTTP:Authorization", "HTTPS"):
        print("asked", name, repr(ask(name)), file=environ["wsgi.errors"])
    return True
"""


def test_process_groups_see_no_environment_of_httpd(serve):
    """mod_ssl answers ENV:NAME from the environment of its own process, and HTTP:NAME from all headers."""
    tls = ("ssl", "socache_shmcb")
    server = serve("WSGIDaemonProcess guard\n" + location("/", "WSGIAccessScript ${ROOT}/guard.py process-group=guard"),
                   files={"guard.py": ASKS}, modules=tls, env={"OF_HTTPD": "the-secret"})
    access.add_page(server)
    assert server.get("/page.html", basic("joe", "the-password")).status == 200
    server.wait_for_log("asked HTTPS 'off'")
    log = server.log()
    assert "asked ENV:OF_HTTPD None" in log and "asked HTTP:Authorization None" in log
    assert "the-secret" not in log


def test_routes_by_process_groups_see_no_environment_of_httpd(serve):
    route = "def application_group(environ): return environ['QUERY_STRING'] and '%{ENV:' + environ['QUERY_STRING'] + '}' or None\n"
    app = ("import mod_wsgi\ndef application(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
           "    return [mod_wsgi.application_group.encode()]\n")
    server = serve("WSGIDaemonProcess guard\nWSGIScriptAlias /app ${ROOT}/app.py\nSetEnv OF_REQUEST set\n"
                   "WSGIDispatchScript ${ROOT}/route.py process-group=guard\n",
                   files={"app.py": app, "route.py": route}, env={"OF_HTTPD": "the-secret"})
    assert server.get("/app?OF_REQUEST").text == "set"
    assert server.get("/app?OF_HTTPD").text == "%{ENV:OF_HTTPD}"


QUESTIONS = """
def allow_access(environ, host):
    for _ in range(int(environ["QUERY_STRING"])):
        environ["mod_ssl.var_lookup"]("x" * 4000)
    return True
"""


def peak(pid):
    """The most memory that a process has had, in bytes."""
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) << 10


def test_questions_to_mod_ssl_leave_nothing_behind(serve):
    server = serve("WSGIDaemonProcess guard\n"
                   + location("/", "WSGIAccessScript ${ROOT}/guard.py process-group=guard"),
                   files={"guard.py": QUESTIONS}, modules=("ssl", "socache_shmcb"))
    access.add_page(server)
    assert server.get("/page.html?10").status == 200
    before = max(map(peak, server.httpd_children()))
    assert server.get("/page.html?10000").status == 200  # 40 MB of names
    assert max(map(peak, server.httpd_children())) - before < 10 << 20


# What a process has of connections to httpd.
CONNECTIONS = """
import os, socket, stat, struct, time
def connections():
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
        except OSError:
            continue  # it was that of the folder
        ours = socket.socket(fileno=os.dup(number))
        if ours.family == socket.AF_UNIX and ours.type == socket.SOCK_STREAM:
            yield ours
        else:
            ours.close()
"""

# A worker that never decides, but always says something.
TALKS = CONNECTIONS + """
def allow_access(environ, host):
    kept = list(connections())
    lookup = b"HTTPS"
    while True:
        for connection in kept:
            connection.send(struct.pack("<BBHI", 23, 0, 0, len(lookup)) + lookup, socket.MSG_DONTWAIT)
            try:
                connection.recv(4096, socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
        time.sleep(0.05)
"""


def test_a_worker_that_talks_has_to_decide_in_time(serve):
    server = serve("WSGIDaemonProcess guard threads=1 socket-timeout=2 shutdown-timeout=1\n"
                   + location("/", "WSGIAccessScript ${ROOT}/guard.py process-group=guard"), files={"guard.py": TALKS})
    access.add_page(server)
    assert server.get("/page.html").status == 504
    server.wait_for_log(r"guard\.py in process \d+ of process group `guard` has not decided within 2 s \(socket-timeout\)")


# A worker that sends what the client has put into X-Frames, and nothing else.
SENDS = CONNECTIONS + """
def allow_access(environ, *words):
    for connection in connections():
        try:
            connection.send(bytes.fromhex(environ["HTTP_X_FRAMES"]), socket.MSG_DONTWAIT)
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # one of an earlier question
        connection.close()
    return True
check_password = allow_access
"""


def frame(kind, payload=b""):
    return struct.pack("<BBHI", kind, 0, 0, len(payload)) + payload


def end(outcome, keep=0):
    return frame(20, struct.pack("<HBQ", outcome, keep, 0))


ALLOWED, DENIED, UNKNOWN = (frame(24, bytes([code])) for code in (1, 2, 3))
TEXT = frame(24, b"\5" + struct.pack("<I", 1) + b"x")
GROUPS = frame(24, b"\6" + struct.pack("<I", 0))
ROUTES = frame(24, b"\7" + (b"\0" + struct.pack("<I", 0)) * 3)

# What a worker sends, and what the client gets.
FRAMES = {
    "allowed": (ALLOWED + end(0), 200),
    "unknown": (UNKNOWN + end(0), 200),
    "denied": (DENIED + end(0), 403),
    "a wild thread": (frame(16, struct.pack("<II", 2**32 - 1, 2**31 - 1)) + DENIED + end(0, 1), 403),
    "of another kind: text": (TEXT + end(0), 403),
    "of another kind: groups": (GROUPS + end(0), 403),
    "of another kind: routes": (ROUTES + end(0), 403),
    "nothing": (b"", 502),
    "no end": (ALLOWED, 502),
    "half an end": (ALLOWED + end(0)[:-1], 502),
    "refused after all": (ALLOWED + end(503), 503),
    "aborted after all": (ALLOWED + end(1), 500),
    "an end of no kind": (ALLOWED + end(200), 502),
    "an end alone": (end(0), 502),
    "an end with 200 alone": (end(200), 502),
    "twice": (ALLOWED + ALLOWED + end(0), 502),
    "denied, then allowed": (DENIED + ALLOWED + end(0), 502),
    "a question afterwards": (ALLOWED + frame(23, b"HTTPS") + end(0), 502),
    "sent back afterwards": (ALLOWED + frame(21, b"\1"), 502),
    "no verdict": (frame(24, b"\0") + end(0), 502),
    "an empty verdict": (frame(24) + end(0), 502),
    "a verdict and more": (frame(24, b"\1\1") + end(0), 502),
    "too many groups": (frame(24, b"\6" + struct.pack("<I", 2**32 - 1)) + end(0), 502),
    "a response": (frame(17, b"\xc8\0" + bytes(8)) + end(0), 502),
    "a body": (frame(2, b"all is well") + end(0), 502),
}


def test_frames_of_a_worker_grant_nothing_by_accident(serve):
    server = serve("WSGIDaemonProcess guard threads=1 socket-timeout=5\n"
                   + location("/", "WSGIAccessScript ${ROOT}/guard.py process-group=guard"), files={"guard.py": SENDS})
    access.add_page(server)
    found = {name: server.get("/page.html", {"X-Frames": frames.hex()}).status for name, (frames, _) in FRAMES.items()}
    assert found == {name: status for name, (_, status) in FRAMES.items()}


def text(name):
    return frame(24, b"\5" + struct.pack("<I", len(name)) + name) + end(0)


def test_httpd_itself_refuses_names_with_control_characters(serve):
    server = serve("WSGIDaemonProcess guard threads=1 socket-timeout=5\n"
                   + location("/", "AuthType Basic", "AuthName realm", "AuthBasicProvider wsgi", "Require user jim",
                              "WSGIAuthUserScript ${ROOT}/guard.py process-group=guard"), files={"guard.py": SENDS})
    access.add_page(server)
    for name, status in {b"jim": 200, b"joe": 401, b"jim\0": 500, b"jim\n": 500, b"jim\r\nX-Admin: yes": 500, b"": 500}.items():
        headers = {"X-Frames": text(name).hex(), **basic("joe", "x")}
        assert server.get("/page.html", headers).status == status, name
