"""Name-based virtual hosts: whose application, whose settings, whose group, and whose ErrorLog."""

import uuid

import pytest
from support.environ import variables
from support.processes import wait_until

HOST = """<VirtualHost *:${{PORT}}>
    ServerName {name}.example
    ErrorLog ${{ROOT}}/logs/{name}.log
    {lines}
</VirtualHost>
"""


def hosts(**lines):
    """A virtual host for each name."""
    return "".join(HOST.format(name=name, lines=text) for name, text in lines.items())


def test_each_has_its_own(serve, mode):
    conf = "SetEnv WHOSE main\n" + hosts(one="WSGIScriptAlias /app ${APPS}/environ.py\nSetEnv WHOSE one\nServerAdmin one@example",
                                         two="WSGIScriptAlias / ${APPS}/environ.py\nSetEnv WHOSE two\nDocumentRoot ${ROOT}/data")
    server = serve(conf, mode)
    one = variables(server.get("/app/x", host="one.example"))
    two = variables(server.get("/app/x", host="two.example"))
    assert (one["SCRIPT_NAME"], one["PATH_INFO"], one["WHOSE"]) == ("/app", "/x", "one")
    assert (two["SCRIPT_NAME"], two["PATH_INFO"], two["WHOSE"]) == ("", "/app/x", "two")
    assert (one["SERVER_NAME"], two["SERVER_NAME"], one["SERVER_ADMIN"]) == ("one.example", "two.example", "one@example")
    assert two["DOCUMENT_ROOT"] == str(server.root / "data")
    assert one["mod_wsgi.application_group"] == "one.example|/app"
    assert two["mod_wsgi.application_group"] == "two.example|"
    assert server.get("/nothing", host="one.example").status == 404


@pytest.mark.parametrize("way, text", [("wsgi.errors", 'environ["wsgi.errors"].write(mark + "\\n")'), ("print", "print(mark)"),
                                       ("stderr", "print(mark, file=sys.stderr)"), ("exception", "raise RuntimeError(mark)")])
def test_lines_of_requests_are_in_the_log_of_their_host(serve, mode, way, text):
    script = ('"""Says it."""\nimport sys\ndef application(environ, start_response):\n    mark = environ["QUERY_STRING"]\n'
              f"    {text}\n    start_response('200 OK', [])\n    return [b'said']\n")
    alias = "WSGIScriptAlias / ${ROOT}/says.py"
    server = serve("WSGIApplicationGroup shared\n" + hosts(one=alias, two=alias), mode, files={"says.py": script})
    for name, other in [("one", "two"), ("two", "one"), ("one", "two")]:
        mark = uuid.uuid4().hex
        server.get(f"/?{mark}", host=f"{name}.example")
        server.wait_for_log(mark, name=f"{name}.log")
        assert mark not in server.log() and mark not in server.log(name=f"{other}.log"), way


@pytest.mark.ours
def test_refusals_of_httpd_s_side_too(serve, mode):
    conf = hosts(one="WSGIScriptAlias / ${ROOT}/none.py", two="WSGIScriptAlias / ${APPS}/digest.py")
    server = serve(conf, mode)
    assert server.get("/", host="one.example").status == 404
    server.wait_for_log("none.py", name="one.log")
    assert server.post("/", b"x", host="two.example", chunked=True).status == 411
    server.wait_for_log("WSGIChunkedRequest", name="two.log")


LATE = '''"""Prints when it is imported, and later, outside of any request."""
import threading
print("at import")
started = []
def application(environ, start_response):
    if not started:
        started.append(threading.Thread(target=print, args=("from a thread",), daemon=True))
        started[0].start()
    start_response("200 OK", [])
    return [b"ok"]
'''


@pytest.mark.ours
def test_a_group_of_a_host_logs_there(serve):
    conf = hosts(one="WSGIDaemonProcess mine\nWSGIScriptAlias / ${ROOT}/late.py process-group=mine application-group=%{GLOBAL}",
                 two="WSGIScriptAlias / ${APPS}/hello.py")
    server = serve(conf, files={"late.py": LATE})
    assert server.get("/", host="one.example").body == b"ok"
    server.wait_for_log("from a thread", name="one.log")
    server.wait_for_log(r"Starting process", name="one.log")
    server.wait_for_log("at import", name="one.log")
    assert "from a thread" not in server.log()


@pytest.mark.ours
def test_a_group_of_the_main_server_logs_there_outside_of_requests(serve):
    conf = "WSGIDaemonProcess shared\n" + hosts(one="WSGIScriptAlias / ${ROOT}/late.py process-group=shared application-group=%{GLOBAL}")
    server = serve(conf, files={"late.py": LATE})
    assert server.get("/", host="one.example").body == b"ok"
    server.wait_for_log("from a thread")


@pytest.mark.ours
def test_logs_after_graceful(serve):
    """The leader and the workers of the new generation write to the log that was opened for them."""
    conf = hosts(one="WSGIDaemonProcess mine\nWSGIScriptAlias / ${ROOT}/late.py process-group=mine")
    server = serve(conf, files={"late.py": LATE})
    server.get("/", host="one.example")
    (server.root / "logs" / "one.log").rename(server.root / "logs" / "one.log.1")
    server.graceful()
    wait_until(lambda: server.get("/", host="one.example") and "from a thread" in server.log(name="one.log"), 10, "a line of the new worker")


def test_log_level_of_a_host(serve, mode):
    script = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n"
    alias = "WSGIScriptAlias / ${ROOT}/quiet.py\nWSGIApplicationGroup %{SERVER}"
    server = serve(hosts(one=alias + "\nLogLevel wsgi:error", two=alias + "\nLogLevel wsgi:info"), mode, files={"quiet.py": script})
    server.get("/", host="one.example")
    server.get("/", host="two.example")
    server.wait_for_log("quiet.py", name="two.log")
    assert "quiet.py" not in server.log(name="one.log")
