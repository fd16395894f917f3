"""SCRIPT_NAME, PATH_INFO and REQUEST_URI: slashes, escapes, and scripts behind odd mappings."""

import pytest
from support.environ import variables


def split(server, path):
    """The three parts of a request's path as the application sees them."""
    values = variables(server.get(path))
    assert (values["mod_wsgi.script_name"], values["mod_wsgi.path_info"]) == (values["SCRIPT_NAME"], values["PATH_INFO"])
    return values["SCRIPT_NAME"], values["PATH_INFO"], values["REQUEST_URI"]


@pytest.mark.parametrize("path, script, info", [
    ("/app", "/app", ""), ("/app/", "/app", "/"), ("/app/x", "/app", "/x"), ("/app//x", "/app", "/x"), ("//app///x//", "/app", "/x/"),
    ("/app/a%20b", "/app", "/a b"), ("/app/%C3%BC%FF", "/app", "/\xc3\xbc\xff"), ("/app/a%3Fb", "/app", "/a?b"), ("/app/%25", "/app", "/%"),
    ("/app/./a/../b", "/app", "/b"), ("/app/a;b=c", "/app", "/a;b=c"), ("/app/x?y=/z", "/app", "/x"), ("/app/a+b", "/app", "/a+b"),
    ("/app/app/app", "/app", "/app/app"), ("/app/..%2fapp", None, None),
])
def test_split(serve, mode, path, script, info):
    server = serve("WSGIScriptAlias /app ${APPS}/environ.py\n", mode)
    if script is None:
        assert server.get(path).status == 404  # encoded slashes are off
        return
    assert split(server, path) == (script, info, path)


@pytest.mark.parametrize("path, info", [("/", "/"), ("/x/y", "/x/y"), ("//x", "/x"), ("/%20", "/ ")])
def test_at_the_root(serve, mode, path, info):
    server = serve("WSGIScriptAlias / ${APPS}/environ.py\n", mode)
    assert split(server, path) == ("", info, path)


@pytest.mark.parametrize("setting, status, info", [("Off", 404, None), ("On", 200, "/a/b//c"), ("NoDecode", 200, "/a%2Fb%2f/c")])
def test_encoded_slashes(serve, mode, setting, status, info):
    server = serve(f"WSGIScriptAlias /app ${{APPS}}/environ.py\nAllowEncodedSlashes {setting}\n", mode)
    response = server.get("/app/a%2Fb%2f/c")
    assert response.status == status
    if info:
        values = variables(response)
        assert values["PATH_INFO"] in (info, info.replace("//", "/"))
        assert values["REQUEST_URI"] == "/app/a%2Fb%2f/c"


def test_slashes_that_httpd_leaves_are_collapsed(serve, mode):
    server = serve("MergeSlashes Off\nWSGIScriptAlias /app ${APPS}/environ.py\n", mode)
    assert split(server, "/app//x///y")[:2] == ("/app", "/x/y")


@pytest.mark.parametrize("alias, path, expected", [
    ("WSGIScriptAliasMatch ^/m/(.*) ${APPS}/environ.py/extra/$1", "/m/x", ("/m", "/extra/x")),
    ("WSGIScriptAliasMatch ^/m/(.*) ${APPS}/environ.py/$1", "/m/x/y", ("/m", "/x/y")),
    ("WSGIScriptAliasMatch ^/m ${APPS}/environ.py/fixed", "/m", ("/m", "/fixed")),
    ("WSGIScriptAlias /m ${APPS}", "/m/environ.py/x", ("/m/environ.py", "/x")),
    ("WSGIScriptAlias /m ${APPS}/", "/m/environ.py/x", None),
])
def test_mappings(serve, mode, alias, path, expected):
    server = serve(alias + "\n", mode)
    response = server.get(path)
    if expected is None:
        assert response.status in (200, 404)
    else:
        values = variables(response)
        assert (values["SCRIPT_NAME"], values["PATH_INFO"]) == expected


def test_by_handler_and_in_a_user_s_folder(serve, mode):
    server = serve("<Directory ${ROOT}/htdocs>\nOptions ExecCGI\nAddHandler wsgi-script .py\n</Directory>\n", mode)
    server.write("htdocs/deep/er/app.py", (server.root / "apps" / "environ.py").read_bytes())
    assert split(server, "/deep//er/app.py/in%20fo?q") == ("/deep/er/app.py", "/in fo", "/deep//er/app.py/in%20fo?q")


def test_request_uri_may_be_the_current_one(serve, mode):
    conf = ("WSGIScriptAlias /app ${APPS}/environ.py\nRewriteEngine On\nRewriteRule ^/old/(.*) /app/$1 [PT]\n"
            "CGIVar REQUEST_URI current-uri\n")
    assert split(serve(conf, mode), "/old/a%20b") == ("/app", "/a b", "/app/a b")


def test_absolute_form_and_asterisk(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/environ.py\n", mode)
    with server.connect() as client:
        client.send(f"GET http://named.host:{server.port}/x?y HTTP/1.1\r\nHost: other\r\n\r\n".encode())
        values = variables(client.finish())
    assert (values["PATH_INFO"], values["QUERY_STRING"]) == ("/x", "y")
    assert values["REQUEST_URI"].startswith("http://named.host")
    assert values["HTTP_HOST"] in ("named.host", f"named.host:{server.port}")
    assert server.request("OPTIONS", "*").status == 200


def test_names_of_files_that_are_no_text(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/htdocs/\n", mode)
    folder = str(server.root / "htdocs").encode()
    with open(folder + b"/caf\xe9.py", "wb") as file:
        file.write((server.root / "apps" / "environ.py").read_bytes())
    values = variables(server.get("/caf%E9.py/x"))
    assert values["SCRIPT_NAME"] == "/caf\xe9.py" and values["SCRIPT_FILENAME"].endswith("caf\udce9.py")
