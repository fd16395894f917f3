"""mod_rewrite, mod_dir, mod_alias, mod_actions and mod_negotiation around applications: what they see of the URL."""

import pytest
from support.environ import variables


@pytest.mark.parametrize("rules, path, expected", [
    ("RewriteRule ^/old/(.*) /app/$1 [PT]", "/old/a/b?q=1", {"SCRIPT_NAME": "/app", "PATH_INFO": "/a/b", "QUERY_STRING": "q=1", "REQUEST_URI": "/old/a/b?q=1"}),
    ("RewriteRule ^/old/(.*) /app/$1?new=2 [PT,QSA]", "/old/x?q=1", {"PATH_INFO": "/x", "QUERY_STRING": "new=2&q=1"}),
    ("RewriteRule ^/(.*) /app/$1 [PT]", "/any/thing", {"SCRIPT_NAME": "/app", "PATH_INFO": "/any/thing"}),
    ("RewriteRule ^/app/(.*) - [E=FROM_RULE:$1]", "/app/part", {"FROM_RULE": "part", "PATH_INFO": "/part"}),
    ("RewriteRule ^/old/(.*) /app/$1 [PT]", "/old/a%20b", {"PATH_INFO": "/a b", "REQUEST_URI": "/old/a%20b"}),
])
def test_in_the_server(serve, mode, rules, path, expected):
    server = serve(f"WSGIScriptAlias /app ${{APPS}}/environ.py\nRewriteEngine On\n{rules}\n", mode)
    values = variables(server.get(path))
    assert {name: values.get(name) for name in expected} == expected


def test_front_controller_in_a_folder(serve, mode):
    """The usual .htaccess: what is no file goes to the application."""
    conf = "<Directory ${ROOT}/htdocs>\nAllowOverride All\nOptions ExecCGI FollowSymLinks\nAddHandler wsgi-script .wsgi\n</Directory>\n"
    rules = "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^(.*)$ /app.wsgi/$1 [QSA,L]\n"
    server = serve(conf, mode, files={"htdocs/.htaccess": rules, "htdocs/static.txt": "a file"})
    server.write("htdocs/app.wsgi", (server.root / "apps" / "environ.py").read_bytes())
    assert server.get("/static.txt").body == b"a file"
    values = variables(server.get("/some/page?q=1"))
    assert (values["SCRIPT_NAME"], values["PATH_INFO"], values["QUERY_STRING"]) == ("/app.wsgi", "/some/page", "q=1")
    assert values["REQUEST_URI"] == "/some/page?q=1"
    assert (values["REDIRECT_URL"], values["REDIRECT_STATUS"]) == ("/some/page", "200")


def test_body_behind_a_rewrite(serve, mode):
    server = serve("WSGIScriptAlias /app ${APPS}/digest.py\nRewriteEngine On\nRewriteRule ^/old /app [PT]\n", mode)
    for size in (10, 300_000):
        assert server.post("/old", b"x" * size).text.startswith(f"{size} ")


def test_directory_index(serve, mode):
    conf = "<Directory ${ROOT}/htdocs>\nOptions ExecCGI\nAddHandler wsgi-script .wsgi\nDirectoryIndex index.wsgi\n</Directory>\n"
    server = serve(conf, mode)
    server.write("htdocs/folder/index.wsgi", (server.root / "apps" / "environ.py").read_bytes())
    values = variables(server.get("/folder/?q"))
    assert (values["SCRIPT_NAME"], values["PATH_INFO"], values["QUERY_STRING"]) == ("/folder/index.wsgi", "", "q")


def test_fallback_resource(serve, mode):
    conf = "WSGIScriptAlias /app ${APPS}/environ.py\n<Directory ${ROOT}/htdocs>\nFallbackResource /app\n</Directory>\n"
    server = serve(conf, mode, files={"htdocs/here.txt": "a file"})
    assert server.get("/here.txt").body == b"a file"
    values = variables(server.get("/not/here?q"))
    assert values["SCRIPT_NAME"].rstrip("/") in ("/app", "") and values["QUERY_STRING"] == "q"


def test_action(serve, mode):
    conf = "WSGIScriptAlias /app ${APPS}/environ.py\nAction of-mine /app virtual\n<Location /files>\nSetHandler of-mine\n</Location>\n"
    values = variables(serve(conf, mode, modules=("actions",)).get("/files/one?q"))
    assert (values["SCRIPT_NAME"], values["PATH_INFO"]) == ("/app", "/files/one")
    assert values["REDIRECT_URL"] == "/files/one"


def test_setenv_by_condition(serve, mode):
    conf = ("WSGIScriptAlias / ${APPS}/environ.py\nSetEnvIf X-Mine ^(.+)$ SEEN=$1\nSetEnvIfExpr \"%{REQUEST_METHOD} == 'GET'\" IS_GET=yes\n"
            "PassEnv LANG\nSetEnv EMPTY\nUnsetEnv GONE\n<If \"%{QUERY_STRING} == 'q'\">\nSetEnv IN_IF yes\n</If>\n")
    server = serve(conf, mode)
    values = variables(server.get("/?q", {"X-Mine": "mine"}))
    assert (values["SEEN"], values["IS_GET"], values["LANG"], values["IN_IF"]) == ("mine", "yes", "C.UTF-8", "yes")
    assert values["EMPTY"] in ("", None)
    assert "SEEN" not in variables(server.get("/"))


def test_computed_variables_win_over_setenv(serve, mode):
    names = ["REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "REMOTE_ADDR", "SERVER_NAME", "HTTP_HOST", "wsgi.url_scheme",
             "mod_wsgi.process_group", "mod_wsgi.request_id", "wsgi.input", "SERVER_PORT"]
    lines = "".join(f"SetEnv {name} forged\n" for name in names)
    values = variables(serve("WSGIScriptAlias /app ${APPS}/environ.py\n" + lines, mode).get("/app/x"))
    assert [name for name in names if values[name] == "forged"] == []
    assert "PATH" not in values and "HTTPS" not in values


@pytest.mark.parametrize("directive, name", [("HostnameLookups Off", "REMOTE_HOST"), ("ServerSignature On", "SERVER_SIGNATURE"),
                                             ("HostnameLookups Off", "PATH_TRANSLATED"), ("HostnameLookups Off", "GATEWAY_INTERFACE")])
def test_what_wsgi_has_no_use_for(serve, mode, directive, name):
    server = serve(f"WSGIScriptAlias / ${{APPS}}/environ.py\n{directive}\n", mode)
    assert name not in variables(server.get("/x"))
