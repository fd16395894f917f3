"""ErrorDocument: which failures it answers, applications as error pages, and the REDIRECT_ variables."""

import json

import pytest
from support.environ import variables

CONF = """
WSGIScriptAlias /failing ${APPS}/failing.py
WSGIScriptAlias /responses ${APPS}/responses.py
WSGIScriptAlias /environ ${APPS}/environ.py
WSGIScriptAlias /missing ${ROOT}/missing.py
WSGIScriptAlias /broken ${ROOT}/broken.py
<Location /override>
    WSGIErrorOverride On
</Location>
WSGIScriptAlias /override ${APPS}/responses.py
ErrorDocument 500 /environ/page?error=500
ErrorDocument 404 "no such thing"
ErrorDocument 401 /environ/page?error=401
ErrorDocument 410 "gone for good"
"""


@pytest.fixture
def server(serve, mode):
    """One with error pages."""
    return serve(CONF, mode, files={"broken.py": "import nothing_here\n"})


def own(status, headers=()):
    """The header that makes apps/responses.py answer so."""
    return {"X-Response": json.dumps({"status": status, "headers": list(headers), "blocks": ["own page"]})}


def page(response):
    """What the error page saw, whatever its status."""
    response.status = 200
    return variables(response)


@pytest.mark.parametrize("path", ["/failing/before", "/broken"])
def test_an_application_as_error_page(server, path):
    response = server.request("POST", path + "?q=1", {"X-Mine": "header"}, b"the body")
    assert response.status == 200  # that of the page's application: httpd leaves it to the script
    values = page(response)
    assert (values["REQUEST_METHOD"], values["SCRIPT_NAME"], values["PATH_INFO"]) == ("GET", "/environ", "/page")
    assert values["QUERY_STRING"] == "error=500"
    assert values["REDIRECT_STATUS"] == "500"
    assert (values["REDIRECT_URL"], values["REDIRECT_QUERY_STRING"]) == (path, "q=1")
    assert values["REDIRECT_REQUEST_METHOD"] == "POST"
    assert values["HTTP_X_MINE"] == "header"


def test_the_page_gets_the_variables_of_the_request(server):
    values = page(server.get("/failing/before", {"X-Mine": "header"}))
    assert values["REDIRECT_SCRIPT_NAME"] == "/failing"
    assert values["REDIRECT_PATH_INFO"] == "/before"
    assert values["REDIRECT_HTTP_X_MINE"] == "header"
    assert values["REDIRECT_REMOTE_ADDR"] == "127.0.0.1"
    assert not [name for name in values if name.startswith("REDIRECT_mod_wsgi.x")]


def test_authorization_is_not_passed_on_to_the_page(server):
    values = page(server.get("/failing/before", {"Authorization": "Basic dTpw"}))
    assert not {"HTTP_AUTHORIZATION", "REDIRECT_HTTP_AUTHORIZATION"} & set(values)


def test_missing_script(server):
    response = server.get("/missing")
    assert (response.status, response.body) == (404, b"no such thing")


def test_own_error_pages_go_out_as_they_are(server):
    for status in ("404 Gone", "500 Mine", "410 Gone for good", "503 Busy"):
        response = server.get("/responses", own(status, [("X-Kept", "yes")]))
        assert (response.status, response.reason) == (int(status[:3]), status[4:])
        assert (response.body, response.header("X-Kept")) == (b"own page", "yes")


def test_error_override(server):
    """In daemon mode httpd's page takes the place of the application's; embedded mode ignores the directive."""
    response = server.get("/override", own("410 Mine", [("X-Kept", "yes")]))
    if server.mode == "daemon":
        assert (response.status, response.body, response.header("X-Kept")) == (410, b"gone for good", None)
    else:
        assert (response.status, response.body, response.header("X-Kept")) == (410, b"own page", "yes")
    for status in ("200 OK", "304 Not Modified", "302 Found"):
        response = server.get("/override", own(status, [("X-Kept", "yes")]))
        assert (response.status, response.header("X-Kept")) == (int(status[:3]), "yes")


def test_error_override_keeps_what_survives_errors(server):
    headers = [("WWW-Authenticate", 'Basic realm="r"'), ("X-Dropped", "yes")]
    response = server.get("/override", own("401 Unauthorized", headers))
    assert response.status == (200 if server.mode == "daemon" else 401)  # what the page's own application says
    assert response.header("WWW-Authenticate") == 'Basic realm="r"'
    if server.mode == "daemon":
        values = page(response)
        assert (values["QUERY_STRING"], values["REDIRECT_STATUS"]) == ("error=401", "401")


@pytest.mark.ours
def test_the_cause_is_in_a_note(serve):
    script = '"""Ends."""\nimport os\ndef application(environ, start_response):\n    os._exit(7)\n'
    server = serve("WSGIScriptAlias / ${ROOT}/ends.py\n", "daemon", files={"ends.py": script})
    assert server.get("/x").status == 502
    server.wait_for_log("502 GET /x .*exited with status 7", name="access.log")


@pytest.mark.parametrize("end, status", [("return None", 500), ("return 5", 500), ("raise SystemExit(3)", 500), ("raise GeneratorExit", 500),
                                         ("raise BaseException('odd')", 500), ("return [5]", 500)])
def test_whatever_fails_is_answered_by_httpd(serve, mode, end, status):
    script = f'"""Fails."""\ndef application(environ, start_response):\n    start_response("200 OK", [])\n    {end}\n'
    server = serve("WSGIScriptAlias / ${ROOT}/script.py\nErrorDocument 500 \"page of httpd\"\n", mode, files={"script.py": script})
    for _ in range(2):
        response = server.get("/")
        assert (response.status, response.body) == (status, b"page of httpd")
