"""Server-side includes: an application as a part of a page (SCRIPT_NAME as httpd has it for CGI), and pages by applications."""

import json

import pytest
from support.environ import variables

CONF = """
AddOutputFilter INCLUDES .shtml
<Directory ${ROOT}/htdocs>
    Options +Includes
</Directory>
WSGIScriptAlias /environ ${APPS}/environ.py
WSGIScriptAlias /hello ${APPS}/hello.py
WSGIScriptAlias /failing ${APPS}/failing.py
WSGIScriptAlias /unread ${APPS}/unread.py
WSGIScriptAlias /page ${APPS}/responses.py
<Location /page>
    Options +Includes
    SetOutputFilter INCLUDES
</Location>
"""


@pytest.fixture
def server(serve, mode):
    """One with pages that include applications."""
    pages = {"environ": "/environ/in/fo?own=query", "hello": "/hello", "failing": "/failing/before", "nothing": "/environ-less"}
    files = {f"htdocs/{name}.shtml": f'[<!--#include virtual="{url}" -->]' for name, url in pages.items()}
    files["htdocs/twice.shtml"] = '<!--#include virtual="/hello" -->|<!--#include virtual="/unread" -->|<!--#echo var="QUERY_STRING" -->'
    return serve(CONF, mode, files=files)


def test_included(server):
    assert server.get("/hello.shtml").body == b"[Hello, world!]"
    assert server.get("/twice.shtml?q").body == b"Hello, world!|not read|q"


def test_variables_of_an_included_application(server):
    response = server.get("/environ.shtml?outer=query")
    response.body = response.body[1:-1]
    values = variables(response)
    assert values["SERVER_PROTOCOL"] == "INCLUDED"
    assert values["SCRIPT_NAME"] == "/environ/in/fo"
    assert values["PATH_INFO"] == "/in/fo"
    assert values["QUERY_STRING"] == "own=query"
    assert values["REQUEST_METHOD"] == "GET"
    assert values["REQUEST_URI"] == "/environ.shtml?outer=query"
    assert values["DOCUMENT_NAME"] == "environ.shtml"  # from mod_include


def test_the_body_is_the_outer_page_s(server):
    assert server.post("/hello.shtml", b"x" * 200_000).body == b"[Hello, world!]"
    assert server.get("/hello.shtml").body == b"[Hello, world!]"


def test_failures_stay_in_their_place(server):
    for name in ("failing", "nothing"):
        response = server.get(f"/{name}.shtml")
        assert response.status == 200 and b"[an error occurred" in response.body
        assert response.body.startswith(b"[") and response.body.endswith(b"]")
    assert server.get("/hello.shtml").body == b"[Hello, world!]"


def test_an_application_makes_the_page(server):
    text = 'A <!--#include virtual="/hello" --> B <!--#echo var="REQUEST_METHOD" -->'
    for more in ({}, {"iterator": True}):
        wanted = json.dumps({"status": "200 OK", "headers": [["Content-Type", "text/html"], ["Content-Length", str(len(text))]],
                             "blocks": [text[:9], text[9:]], **more})
        assert server.get("/page", {"X-Response": wanted}).text.startswith("A Hello, world! B ")
