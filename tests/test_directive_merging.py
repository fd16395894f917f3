"""Merging: a virtual host over the main server, a section over its server, and an inner section over both."""

import json

import pytest

SHOW = '''"""Shows what settings change."""
import json


def answer(name):
    def application(environ, start_response):
        status = "404 Not Found" if environ["QUERY_STRING"] == "missing" else "200 OK"
        start_response(status, [("X-Method", environ["REQUEST_METHOD"]), ("Content-Type", "application/json")])
        if environ["wsgi.input"] and environ["REQUEST_METHOD"] == "POST":
            environ["wsgi.input"].read()
        shown = {key: value for key, value in environ.items() if isinstance(value, str)}
        return [json.dumps({**shown, "callable": name, "capsule": "apache.request_rec" in environ}).encode()]
    return application


application, second = answer("application"), answer("second")
'''


def environ(server, path, host, headers=()):
    return json.loads(server.get(path, headers, host=host).body)


def key(name, headers=()):
    """Looks at one value of the environ."""
    return lambda server, path, host: environ(server, path, host, headers).get(name)


def chunked(server, path, host):
    with server.connect() as connection:
        return connection.request("POST", path, {"Transfer-Encoding": "chunked"}, b"1\r\nx\r\n0\r\n\r\n", host=host).status


def status(server, path, host):
    return server.get(path, host=host).status


PROXY = {"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.2"}

# Each: the outer line, the inner line, how to see it, and what is seen of the one and of the other.
CASES = {
    "WSGIApplicationGroup": ("one", "two", key("mod_wsgi.application_group"), "one", "two"),
    "WSGICallableObject": ("application", "second", key("callable"), "application", "second"),
    "WSGIPassAuthorization": ("On", "Off", key("HTTP_AUTHORIZATION", {"Authorization": "Basic dTpw"}), "Basic dTpw", None),
    "WSGIChunkedRequest": ("On", "Off", chunked, 200, 411),
    "WSGIMapHEADToGET": ("On", "Off", lambda server, path, host: server.request("HEAD", path, host=host).header("X-Method"), "GET", "HEAD"),
    "WSGIRestrictProcess": ("%{GLOBAL} app", "other", status, 200, 500),
    "WSGITrustedProxyHeaders": ("X-Forwarded-For", "X-Real-IP", key("REMOTE_ADDR", PROXY), "192.0.2.1", "192.0.2.2"),
    "WSGITrustedProxies": ("127.0.0.0/8\nWSGITrustedProxyHeaders X-Forwarded-For", "10.0.0.1\nWSGITrustedProxies 10.0.0.2",
                           key("REMOTE_ADDR", PROXY), "192.0.2.1", "127.0.0.1"),
    "WSGIDispatchScript": ("${ROOT}/first.py", "${ROOT}/other.py", key("callable"), "application", "second"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_inner_value_wins(serve, mode, name):
    outer, inner, seen, of_outer, of_inner = CASES[name]
    server = serve(f"""
{name} {outer}
WSGIScriptAlias / ${{ROOT}}/show.py
<VirtualHost *:${{PORT}}>
    ServerName plain.example
</VirtualHost>
<VirtualHost *:${{PORT}}>
    ServerName own.example
    {name} {inner}
    <Location /back>
        {name} {outer}
        <If "true">
            {name} {inner}
        </If>
    </Location>
    <Directory ${{ROOT}}>
        Require all granted
    </Directory>
    <Location /outer>
        {name} {outer}
    </Location>
</VirtualHost>
""", mode, files={"show.py": SHOW, "first.py": "", "other.py": "def callable_object(environ): return 'second'\n"})
    assert seen(server, "/", "plain.example") == of_outer
    assert seen(server, "/", "own.example") == of_inner
    assert seen(server, "/outer", "own.example") == of_outer
    assert seen(server, "/back", "own.example") == of_inner


def test_process_group(serve):
    """The same of WSGIProcessGroup, and a group of the virtual host itself."""
    server = serve("WSGIDaemonProcess one threads=1\nWSGIProcessGroup one\nWSGIScriptAlias / ${ROOT}/show.py\n"
                   "<VirtualHost *:${PORT}>\nServerName plain.example\n</VirtualHost>\n"
                   "<VirtualHost *:${PORT}>\nServerName own.example\nWSGIDaemonProcess two threads=1\nWSGIProcessGroup two\n"
                   "<Location /embedded>\nWSGIProcessGroup %{GLOBAL}\n</Location>\n</VirtualHost>\n", files={"show.py": SHOW})
    see = key("mod_wsgi.process_group")
    assert [see(server, path, host) for path, host in (
        ("/", "plain.example"), ("/", "own.example"), ("/embedded", "own.example"))] == ["one", "two", ""]


def test_pass_apache_request(serve):
    """WSGIPassApacheRequest, which is for embedded mode only."""
    server = serve("WSGIPassApacheRequest On\nWSGIDaemonProcess app threads=1\nWSGIScriptAlias / ${ROOT}/show.py\n"
                   "<Location /off>\nWSGIPassApacheRequest Off\n</Location>\n<Location /daemon>\nWSGIProcessGroup app\n</Location>\n",
                   files={"show.py": SHOW})
    assert [environ(server, path, "localhost")["capsule"] for path in ("/", "/off", "/daemon")] == [True, False, False]


def test_error_override(serve):
    """WSGIErrorOverride, which is for daemon mode only in mod_wsgi."""
    server = serve("WSGIErrorOverride On\nErrorDocument 404 'the server says so'\nWSGIScriptAlias / ${ROOT}/show.py\n"
                   "<Location /off>\nWSGIErrorOverride Off\n</Location>\n", "daemon", files={"show.py": SHOW})
    assert server.get("/?missing").text == "the server says so"
    assert "callable" in server.get("/off?missing").text


def test_handler_scripts_are_overlaid_name_by_name(serve, mode):
    """WSGIHandlerScript: an inner section adds names, and replaces those that it repeats."""
    script = "def handle_request(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{}']\n"
    server = serve("WSGIHandlerScript first ${ROOT}/a.py\nWSGIHandlerScript second ${ROOT}/b.py\nAddHandler first .one\nAddHandler second .two\n"
                   "<Directory ${ROOT}/htdocs/inner>\nWSGIHandlerScript second ${ROOT}/c.py\n</Directory>\n", mode, files={
                       **{f"{name}.py": script.replace("{}", name) for name in "abc"},
                       **{f"htdocs/{place}x.{kind}": "" for place in ("", "inner/") for kind in ("one", "two")}})
    assert [server.get(path).text for path in ("/x.one", "/x.two", "/inner/x.one", "/inner/x.two")] == ["a", "b", "a", "c"]


def test_aliases_of_the_host_come_first(serve, mode):
    """WSGIScriptAlias: the virtual host's lines, then the main server's; the first that matches."""
    script = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{}']\n"
    server = serve("WSGIScriptAlias /x ${ROOT}/a.py\nWSGIScriptAlias /y ${ROOT}/a.py\n"
                   "<VirtualHost *:${PORT}>\nServerName own.example\nWSGIScriptAlias /x/z ${ROOT}/c.py\nWSGIScriptAlias /x ${ROOT}/b.py\n"
                   "</VirtualHost>\n", mode, files={f"{name}.py": script.replace("{}", name) for name in "abc"})
    assert [server.get(path, host="own.example").text for path in ("/x", "/x/z", "/y")] == ["b", "c", "a"]
