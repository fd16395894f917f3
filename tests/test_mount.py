"""Where applications are mounted: SCRIPT_NAME and PATH_INFO, prefixes, patterns, and what is not there."""

import json

import pytest


def names(server, path, **kwargs):
    """SCRIPT_NAME and PATH_INFO of a request."""
    response = server.get(path, **kwargs)
    assert response.status == 200, (path, response)
    environ = json.loads(response.body)
    return tuple(environ[key][1].strip("'") for key in ("SCRIPT_NAME", "PATH_INFO"))


def test_prefixes(serve, mode):
    server = serve("WSGIScriptAlias /shop/inner ${APPS}/environ.py\n"
                   "WSGIScriptAlias /shop ${APPS}/environ.py\n"
                   "WSGIScriptAlias /dir/ ${APPS}/\n"
                   "WSGIScriptAlias / ${APPS}/environ.py\n", mode)
    assert names(server, "/shop") == ("/shop", "")
    assert names(server, "/shop/") == ("/shop", "/")
    assert names(server, "/shop/a/b?c") == ("/shop", "/a/b")
    assert names(server, "/shop/inner/x") == ("/shop/inner", "/x")
    assert names(server, "/shopping") == ("", "/shopping")
    assert names(server, "/") == ("", "/")
    assert names(server, "/%73hop/q") == ("/shop", "/q")
    assert names(server, "/dir/environ.py/x") == ("/dir/environ.py", "/x")


def test_patterns(serve, mode):
    server = serve("WSGIScriptAliasMatch ^/site/([a-z]+) ${ROOT}/hosts/$1/app.py\n", mode,
                   files={f"hosts/{name}/app.py": APP.format(name=name) for name in ("ada", "bob")})
    assert server.get("/site/ada/x").text == "ada /site/ada /x"
    assert server.get("/site/bob").text == "bob /site/bob "
    assert server.get("/site/eve").status == 404


APP = '''"""Says whose it is."""
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%s %s %s" % ("{name}", environ["SCRIPT_NAME"], environ["PATH_INFO"])).encode()]
'''


def test_mass_hosting(serve, mode):
    server = serve("UseCanonicalName Off\n"
                   "SetEnvIf Host ^([a-z]+)\\. SITE=$1\n"
                   "WSGIScriptAliasMatch ^/(one|two) ${ROOT}/hosts/$1/app.py application-group=%{ENV:SITE}\n",
                   mode, files={f"hosts/{name}/app.py": APP.format(name=name) for name in ("one", "two")})
    assert server.get("/one/a", host="x.example").text == "one /one /a"
    assert server.get("/two/b", host="y.example").text == "two /two /b"


@pytest.mark.parametrize("path, status", [("/files/none.py", 404), ("/files/sub/", 403), ("/plain/hello.py", 403)])
def test_refused(serve, mode, path, status):
    server = serve("WSGIScriptAlias /files ${ROOT}/files\nAlias /plain ${ROOT}/apps\n"
                   "<Directory ${ROOT}/apps>\nSetHandler wsgi-script\n</Directory>\n", mode,
                   files={"files/sub/x": ""})
    assert server.get(path).status == status


def test_handler_with_exec_cgi(serve, mode):
    server = serve("Alias /plain ${ROOT}/apps\nAlias /typed ${ROOT}/apps\n"
                   "<Directory ${ROOT}/apps>\nOptions ExecCGI\nAddHandler wsgi-script .py\n</Directory>\n", mode)
    assert server.get("/plain/hello.py").body == b"Hello, world!"
    assert server.get("/plain/none.py").status == 404


def test_accept_path_info_off(serve, mode):
    server = serve("WSGIScriptAlias /app ${APPS}/hello.py\n<Location /app>\nAcceptPathInfo Off\n</Location>\n", mode)
    assert server.get("/app").status == 200
    assert server.get("/app/more").status == 404


def test_virtual_host_comes_before_the_main_server(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/hello.py\n"
                   "<VirtualHost *:${PORT}>\nServerName first.example\n</VirtualHost>\n"
                   "<VirtualHost *:${PORT}>\nServerName other.example\n"
                   "WSGIScriptAlias /env ${APPS}/environ.py\n</VirtualHost>\n", mode)
    assert server.get("/env", host="first.example").body == b"Hello, world!"
    assert names(server, "/env/x", host="other.example") == ("/env", "/x")
    assert server.get("/y", host="other.example").body == b"Hello, world!"
