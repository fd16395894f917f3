"""httpd's id of a request (%L): the same in the access log, in every line of the error log that belongs to it, and for the
application."""

import re

import pytest
from support.faulty import faulty

pytestmark = pytest.mark.ours

CONF = """
ErrorLogFormat "[%{cu}t] [%-m:%l] [id %L] %M"
LogFormat "%L %>s %U%q" ids
CustomLog ${ROOT}/logs/ids.log ids
WSGIScriptAlias /talking ${APPS}/talking.py
WSGIScriptAlias /failing ${APPS}/failing.py
WSGIScriptAlias /ids ${ROOT}/ids.py
"""

IDS = '''"""Answers with its request id as environ and request_data() have it; writes a line from a helper thread."""

import threading

import mod_wsgi


def application(environ, start_response):
    errors, mark = environ["wsgi.errors"], environ["QUERY_STRING"]
    helper = threading.Thread(target=lambda: errors.write(f"{mark} helper\\n"))
    helper.start()
    helper.join()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['mod_wsgi.request_id']} {id(mod_wsgi.request_data()) != 0} {environ.get('UNIQUE_ID')}".encode()]
'''


@pytest.fixture
def server(serve, mode):
    """One whose logs show ids."""
    return serve(CONF, mode, files={"ids.py": IDS})


def id_of(server, path):
    """The id in the access log."""
    line = rf"(?m)^(\S+) \d+ {re.escape(path)}$"
    server.wait_for_log(line, name="ids.log")
    return re.search(line, server.log(name="ids.log")).group(1)


def test_every_stream_has_the_id_of_the_access_log(server):
    server.get("/talking/x?mark")
    known = id_of(server, "/talking/x?mark")
    server.wait_for_log("mark logging")
    lines = [line for line in server.log().splitlines() if "mark " in line]
    assert len(lines) == 4 and all(f"[id {known}]" in line for line in lines), lines


def test_tracebacks_have_it_in_each_line(server):
    assert server.get("/failing/chained").status == 500
    known = id_of(server, "/failing/chained")
    server.wait_for_log("ValueError: the consequence")
    log = server.log()
    lines = log[log.index("exception raised processing"):log.index("ValueError: the consequence")].splitlines()[1:]
    assert len(lines) > 8 and all(f"[id {known}]" in line for line in lines), lines


def test_the_application_has_it(server):
    answer = server.get("/ids?mark").text.split()
    known = id_of(server, "/ids?mark")
    assert answer[0] == known
    server.wait_for_log(rf"\[id {re.escape(known)}\] mark helper")


def test_refusals_have_it(server):
    assert server.get("/nothing-there").status == 404
    server.write("data/gone.py", "")
    server.reconfigure("WSGIScriptAlias /ids", "WSGIScriptAlias /gone ${ROOT}/gone.py\nWSGIScriptAlias /ids")
    server.restart()
    assert server.get("/gone").status == 404
    known = id_of(server, "/gone")
    server.wait_for_log(rf"\[id {re.escape(known)}\].*not found")


def test_error_pages_can_show_it(serve, mode):
    page = 'ErrorDocument 500 "the number is %{REQUEST_LOG_ID}"\n'
    server = serve(CONF + page, mode)
    text = server.get("/failing/before").text
    assert text == f"the number is {id_of(server, '/failing/before')}"


def test_mod_unique_id_gives_the_ids(serve, mode):
    """It is httpd's source of ids once it is loaded, so UNIQUE_ID is the same one."""
    server = serve(CONF, mode, files={"ids.py": IDS}, modules=["unique_id"])
    known, _, unique = server.get("/ids?mark").text.split()
    assert known == unique == id_of(server, "/ids?mark")
    server.wait_for_log(rf"\[id {re.escape(unique)}\] mark helper")


STUCK = '''"""Sleeps at /slow, in a way that can be interrupted."""

import os
import time


def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        for _ in range(6000):
            time.sleep(0.01)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
'''

SLOW = """
ErrorLogFormat "[id %L] %M"
LogFormat "%L %>s %U%q" ids
CustomLog ${ROOT}/logs/ids.log ids
WSGIDaemonProcess app threads=2 request-timeout=2 interrupt-timeout=5
WSGIProcessGroup app
WSGIScriptAlias /app ${ROOT}/stuck.py
"""


def test_what_leader_and_worker_say_of_a_stuck_request(serve):
    """The line of the leader, each line of the stack, the interruption, and the request's own end."""
    server = serve(SLOW, files={"stuck.py": STUCK})
    assert server.get("/app/slow").status == 504
    known = re.escape(id_of(server, "/app/slow"))
    server.wait_for_log(rf"{known} GET /app/slow has run for")
    server.wait_for_log(rf"\[request {known}\] stack of thread [12]")
    server.wait_for_log(rf"\[request {known}\]   File .*stuck.py")
    server.wait_for_log(rf"\[request {known}\] Injected RequestTimeout")
    server.wait_for_log(rf"\[id {known}\].*[Tt]ime")


def test_a_request_that_was_lost_with_its_worker(serve):
    more = 'ErrorLogFormat "[id %L] %M"\nLogFormat "%L %>s %U%q" ids\nCustomLog ${ROOT}/logs/ids.log ids'
    server = faulty(serve, more=more)
    assert server.get("/app/exit-3").status == 502
    known = id_of(server, "/app/exit-3")
    server.wait_for_log(rf"\[id {re.escape(known)}\].*was lost: ")
