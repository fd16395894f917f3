"""What applications write to wsgi.errors, stdout, stderr and logging, and into which log it goes."""

import re
import uuid

import pytest


def lines(log, mark):
    """The log's lines that carry a mark."""
    return [line for line in log.splitlines() if mark in line]


def say(site, case="all"):
    """Lets the application talk; the lines of the log."""
    mark = uuid.uuid4().hex[:12]
    assert site.get(f"/app/talking.py/{case}?{mark}").status == 200
    site.wait_for_log(mark, site.since)
    return lines(site.log(site.since), mark), mark


@pytest.mark.ours
def test_every_stream_with_the_client(site):
    found, mark = say(site)
    for stream in ("errors", "stdout", "stderr", "logging"):
        one = [line for line in found if f"{mark} {stream}" in line]
        assert len(one) == 1, (stream, found)
        assert re.search(r"\[client 127\.0\.0\.1:\d+\]", one[0]), one


@pytest.mark.ours
def test_levels(site):
    found, _ = say(site)
    levels = {line.split()[-1]: re.search(r"\[wsgi:(\w+)\]", line).group(1) for line in found}
    assert levels == {"errors": "error", "stdout": "notice", "stderr": "error", "logging": "error"}


def test_pieces_make_one_line(site):
    found, mark = say(site, "partial")
    assert len(found) == 1 and f"{mark} begun and ended" in found[0]


def test_lines_in_order(site):
    found, mark = say(site, "many")
    assert [int(line.rsplit(" ", 1)[1]) for line in found] == list(range(50))


def test_utf_8(site):
    found, _ = say(site, "unicode")
    assert len(found) == 1
    assert "Gr" in found[0] and ("Grüße €" in found[0] or r"Gr\xc3\xbc\xc3\x9fe" in found[0])


@pytest.mark.ours
def test_long_line_is_whole(site):
    _, mark = say(site, "long")
    text = "".join(site.log(site.since).splitlines())
    assert text.count("x" * 1000) and "tail" in text.split(mark, 1)[1]


def test_traceback_whole_and_in_order(site):
    assert site.get("/app/failing.py/chained").status == 500
    site.wait_for_log("ValueError: the consequence", site.since)
    log = site.log(site.since)
    wanted = ["exception raised processing WSGI script", "Traceback (most recent call last)", "in application", "in inner",
              "Custom: the reason", "in two lines",
              "The above exception was the direct cause of the following exception", "Traceback (most recent call last)",
              "raise ValueError", "ValueError: the consequence"]
    if "exception raised processing" not in log:  # the replaced module's wording until 6.0
        wanted[0] = "Exception occurred processing WSGI script"
    place = 0
    for text in wanted:
        place = log.index(text, place) + 1
    tag = "[client 127.0.0.1" if "exception raised processing" in log else "127.0.0.1"
    assert all(tag in line for line in log.splitlines() if 'File "' in line)


def test_virtual_host_has_its_own_log(serve, mode):
    hosts = "".join(f"<VirtualHost *:${{PORT}}>\nServerName {name}.example\nErrorLog ${{ROOT}}/logs/{name}.log\n"
                    "WSGIScriptAlias / ${APPS}/talking.py\n</VirtualHost>\n" for name in ("one", "two"))
    server = serve(hosts, mode)
    for name, other in (("one", "two"), ("two", "one")):
        mark = uuid.uuid4().hex
        server.get(f"/all?{mark}", host=f"{name}.example")
        server.wait_for_log(f"{mark} logging", name=f"{name}.log")
        assert len(lines(server.log(name=f"{name}.log"), mark)) == 4
        assert mark not in server.log() and mark not in server.log(name=f"{other}.log")


def test_import_time_output_is_logged(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/noisy.py\n", mode, files={"noisy.py": NOISY})
    assert server.get("/").status == 200
    for stream in ("stdout", "stderr"):
        server.wait_for_log(f"import time {stream}")


@pytest.mark.ours
def test_output_outside_of_a_request_reaches_the_log(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/noisy.py\n", mode, files={"noisy.py": NOISY})
    server.get("/")
    server.wait_for_log("from a thread")


NOISY = '''"""Prints when it is imported, and later from a thread of its own."""
import sys, threading, time
print("import time stdout")
print("import time stderr", file=sys.stderr)
def later():
    time.sleep(0.3)
    print("from a thread")
threading.Thread(target=later, daemon=True).start()
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"noise"]
'''


@pytest.mark.ours
def test_lifecycle_at_info(serve):
    server = serve("WSGIScriptAlias / ${APPS}/hello.py\n", "daemon")
    server.get("/")
    server.wait_for_log(r"\[wsgi:info\].*Starting process")
    server.wait_for_log(rf"\[wsgi:info\].*Loading WSGI script '{server.root}/apps/hello.py'")


def test_loading_is_not_logged_above_its_level(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/hello.py\n", mode, level="error")
    server.get("/")
    assert "hello.py" not in server.log()
