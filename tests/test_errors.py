"""Applications that fail: 500 before the head, a cut connection after it, and a process that goes on."""

import pytest
from support.http import Cut


def fine(server, prefix="/app/failing.py"):
    """The application answers as before."""
    response = server.get(prefix + "/fine")
    assert (response.status, response.body) == (200, b"fine")


@pytest.mark.parametrize("case, logged", [("before", "Custom: the reason"), ("chained", "the consequence"),
                                          ("exit", "SystemExit"), ("interrupt", "KeyboardInterrupt"),
                                          ("no-start", "RuntimeError|AssertionError"), ("none", "TypeError"),
                                          ("str-block", "TypeError")])
def test_before_the_head(site, case, logged):
    response = site.get(f"/app/failing.py/{case}")
    assert response.status == 500
    assert b"Internal Server Error" in response.body
    site.wait_for_log(logged, site.since)
    fine(site)


def test_no_start_response_and_no_body(site):
    assert site.get("/app/failing.py/no-start-empty").status == 500
    fine(site)


@pytest.mark.ours
@pytest.mark.parametrize("case, logged", [("after", "Custom: the reason"), ("exit-after", "SystemExit")])
def test_after_the_head_the_connection_is_cut(site, case, logged):
    with pytest.raises(Cut) as cut:
        site.get(f"/app/failing.py/{case}")
    assert b"first block" in cut.value.received
    site.wait_for_log(logged, site.since)
    fine(site)


def test_after_the_head_http_1_0(site):
    with site.connect() as client:
        client.send(b"GET /app/failing.py/after HTTP/1.0\r\n\r\n")
        client.finish()
    fine(site)


@pytest.mark.ours
def test_late_use_is_refused(site):
    assert site.get("/app/failing.py/keep").body == b"kept"
    results = site.get("/app/failing.py/late").text.split("\n")
    assert results == ["RuntimeError"] * 10
    fine(site)


@pytest.mark.ours
def test_missing_callable(serve, mode):
    script = '"""Has no application."""\ndef app(environ, start_response):\n    pass\nother = app\n'
    server = serve("WSGIScriptAlias / ${ROOT}/script.py\n", mode, files={"script.py": script})
    assert server.get("/").status == 500
    line = server.wait_for_log(r".*'application'.*").group()
    assert f"{server.root}/script.py" in line and "app" in line and "other" in line


@pytest.mark.parametrize("text, logged", [("def application(:\n", "SyntaxError"), ("import nothing_here\n", "nothing_here"),
                                          ("raise SystemExit(3)\n", "SystemExit"),
                                          pytest.param("\0", "null bytes", marks=pytest.mark.ours),
                                          ("# coding: latin-1\nx = '\xe4'\ny\n", "NameError")])
def test_script_that_cannot_be_loaded(serve, mode, text, logged):
    server = serve("WSGIScriptAlias / ${ROOT}/script.py\n", mode, files={"script.py": text.encode("latin-1")})
    assert server.get("/").status == 500
    server.wait_for_log(logged)
    server.write("script.py", (server.root / "apps" / "hello.py").read_bytes())
    assert server.get("/").body == b"Hello, world!"


def test_script_that_cannot_be_read(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/script.py\n", mode, files={"script.py": "x = 1\n"})
    (server.root / "script.py").chmod(0)
    if server.get("/").status == 404:
        pytest.skip("root may read everything")
    assert server.get("/").status in (403, 500)
    assert "script.py" in server.log()


def test_error_document(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/failing.py\nErrorDocument 500 \"a page of our own\"\n", mode)
    response = server.get("/before")
    assert (response.status, response.body) == (500, b"a page of our own")


@pytest.mark.ours
@pytest.mark.parametrize("end", ["os._exit(5)", "os.kill(os.getpid(), 9)"])
def test_script_that_ends_its_process_at_import(serve, end):
    server = serve("WSGIScriptAlias /bad ${ROOT}/bad.py process-group=app\n"
                   "WSGIDaemonProcess good\nWSGIScriptAlias /good ${APPS}/hello.py process-group=good\n",
                   "daemon", files={"bad.py": f'"""Ends."""\nimport os\n{end}\n'})
    assert server.get("/bad").status in (502, 503)
    server.wait_for_log("exit status 5|signal 9|SIGKILL|status 5")
    assert server.get("/good").body == b"Hello, world!"
