"""Notes for access logs (WSGIRequestNotes): where a request ran, how long its parts took, and why it failed."""

import os
import re

import pytest

pytestmark = pytest.mark.ours

NAMES = ["PROCESS_GROUP", "APPLICATION_GROUP", "PID", "SERVER_TIME", "QUEUE_TIME", "DAEMON_TIME", "APPLICATION_TIME",
         "GIL_TIME", "CPU_TIME"]  # fmt: skip
FIELDS = ";".join(f"%{{WSGI_{name}}}n" for name in NAMES)

CONF = """
LogFormat "%U %>s %D FIELDS" notes
CustomLog ${ROOT}/logs/notes.log notes
WSGIScriptAlias /work ${ROOT}/work.py
WSGIScriptAlias /off ${ROOT}/work.py
WSGIScriptAlias /global ${ROOT}/work.py application-group=%{GLOBAL}
WSGIScriptAlias /failing ${APPS}/failing.py
WSGIScriptAlias /redirected ${APPS}/failing.py
WSGIRequestNotes On
<Location /off>
    WSGIRequestNotes Off
</Location>
<Location /redirected>
    ErrorDocument 500 /page.html
</Location>
""".replace("FIELDS", FIELDS)

WORK = '''"""Sleeps and computes for a while, in one piece or two."""

import os
import time


def application(environ, start_response):
    print("at work", file=environ["wsgi.errors"], flush=True)
    began = time.thread_time()
    time.sleep(0.1)
    while time.thread_time() < began + 0.1:
        pass
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()] if environ["PATH_INFO"] != "/pieces" else iter([b"a", b"b"])
'''


# The same, but it sleeps until there is a file.
PATIENT = WORK.replace("    time.sleep(0.1)", "    while not os.path.exists(os.path.join(os.environ['MOD_WSGI_TEST'], 'data', 'go')):\n        time.sleep(0.02)")


def start(serve, mode, conf=CONF, work=WORK, **settings):
    """A server with the application."""
    server = serve(conf, mode, files={"work.py": work, "htdocs/page.html": "a static page"}, **settings)
    os.chmod(server.root / "htdocs" / "page.html", 0o644)
    return server


def notes(server, path):
    """The last line about a path: (status, microseconds of the whole, notes by name; None: there is no such note)."""
    line = rf"(?m)^{re.escape(path)} (\d+) (\d+) (.*)$"
    server.wait_for_log(line, name="notes.log")
    status, whole, fields = re.findall(line, server.log(name="notes.log"))[-1]
    values = [None if value == "-" else value for value in fields.split(";")]
    return int(status), int(whole), dict(zip(NAMES, values, strict=True))


@pytest.mark.parametrize("path", ["/work", "/work/pieces"])
def test_what_is_known_of_a_request(serve, mode, path):
    server = start(serve, mode)
    response = server.get(path)
    status, whole, found = notes(server, path)
    assert status == 200
    if path == "/work":
        assert found["PID"] == response.text
    assert found["PROCESS_GROUP"] == ("app" if mode == "daemon" else None)
    assert found["APPLICATION_GROUP"].endswith("|/work")
    times = {name: int(value) for name, value in found.items() if name.endswith("_TIME") and value is not None}
    in_daemons = {"QUEUE_TIME", "DAEMON_TIME"} if mode == "daemon" else set()
    assert set(times) == {"SERVER_TIME", "APPLICATION_TIME", "GIL_TIME", "CPU_TIME"} | in_daemons
    assert times["APPLICATION_TIME"] >= 200_000 and times["CPU_TIME"] >= 90_000
    parts = ("SERVER_TIME", "QUEUE_TIME", "DAEMON_TIME", "APPLICATION_TIME")
    assert sum(times.get(name, 0) for name in parts) <= whole
    assert times["GIL_TIME"] <= times["APPLICATION_TIME"]


def test_the_main_interpreter_has_a_name(serve, mode):
    server = start(serve, mode)
    server.get("/global")
    assert notes(server, "/global")[2]["APPLICATION_GROUP"] == "%{GLOBAL}"


def test_without_the_directive_there_are_none(serve, mode):
    server = start(serve, mode)
    server.get("/off")
    assert set(notes(server, "/off")[2].values()) == {None}


def test_a_request_that_raises_has_them(serve, mode):
    server = start(serve, mode)
    assert server.get("/failing/before").status == 500
    status, _, found = notes(server, "/failing/before")
    assert status == 500 and int(found["APPLICATION_TIME"]) >= 0 and int(found["PID"]) > 1


def test_an_error_page_does_not_hide_them(serve, mode):
    """httpd logs the request for the page, which ran nowhere; it has the notes of the one that failed."""
    server = start(serve, mode)
    response = server.get("/redirected/before")
    assert (response.status, response.text) == (500, "a static page")
    status, _, found = notes(server, "/redirected/before")
    assert status == 500 and int(found["PID"]) > 1 and int(found["CPU_TIME"]) >= 0


def test_a_request_that_waited_in_vain(serve):
    options = "processes=1 threads=1 queue-timeout=2"
    more = "WSGIApplicationGroup %{GLOBAL}\nWSGIImportScript ${ROOT}/work.py process-group=app application-group=%{GLOBAL}\n"
    server = start(serve, "daemon", more + CONF, options=options, work=PATIENT)
    server.wait_for_log("Loading WSGI script")  # else the first request might wait for the process for too long
    with server.connect() as client:
        client.start("GET", "/work")
        server.wait_for_log("at work")
        assert server.get("/work/late").status == 504
        server.write("data/go", "")
        assert client.finish().status == 200
    status, _, found = notes(server, "/work/late")
    assert status == 504 and found["PROCESS_GROUP"] == "app" and int(found["QUEUE_TIME"]) >= 1_900_000
    assert found["PID"] is found["APPLICATION_TIME"] is None


# A worker that says what its requests have cost as often as the client asks for, besides what the host says at the end.
TALKS = '''
import os, socket, stat, struct
def application(environ, start_response):
    costs = struct.pack("<BBHI", 25, 0, 0, 52) + struct.pack("<I6Q", 1, 2, 3, 4, 5, 6, 7)
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            is_socket = stat.S_ISSOCK(os.fstat(number).st_mode)
        except OSError:
            continue  # it was that of the folder
        ours = socket.socket(fileno=os.dup(number)) if is_socket else None
        if ours and ours.family == socket.AF_UNIX and ours.type == socket.SOCK_STREAM:
            ours.send(costs * int(environ["QUERY_STRING"]), socket.MSG_DONTWAIT)
    start_response("200 OK", [])
    return [b"done"]
'''


@pytest.mark.parametrize("setting, count, status", [("On", 0, 200), ("On", 1, 502), ("Off", 0, 200), ("Off", 1, 502)])
def test_a_worker_tells_costs_once_and_only_if_asked(serve, setting, count, status):
    """Each time takes memory of httpd's for as long as the request lasts."""
    conf = f"WSGIRequestNotes {setting}\nWSGIScriptAlias / ${{ROOT}}/talks.py\n"
    server = serve(conf, "daemon", options="threads=1", files={"talks.py": TALKS})
    assert server.get(f"/?{count}").status == status
    if status == 502:
        server.wait_for_log("COSTS that nobody asked for")
