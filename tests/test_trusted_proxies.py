"""WSGITrustedProxyHeaders and WSGITrustedProxies: what proxies say about the client, and who is believed."""

import pytest
from support.environ import variables
from support.http import Connection

ALIAS = "WSGIScriptAlias /mount ${APPS}/environ.py\n"
EVERY = """WSGITrustedProxyHeaders X-Forwarded-For X-Client-IP X-Real-IP X-Forwarded-Host X-Host X-Forwarded-Server
WSGITrustedProxyHeaders X-Forwarded-Port X-Script-Name X-Forwarded-Script-Name X-Forwarded-Proto X-Forwarded-Scheme
WSGITrustedProxyHeaders X-Scheme X-Forwarded-HTTPS X-Forwarded-SSL X-HTTPS
"""


def locations(blocks):
    """An alias for each block of lines: /0, /1, …"""
    return "".join(f"WSGIScriptAlias /{number} ${{APPS}}/environ.py\n<Location /{number}>\n{lines}\n</Location>\n"
                   for number, lines in enumerate(blocks))


def seen(server, path, headers):
    """The environ of a request with these headers."""
    return variables(server.get(path, headers))


def test_nothing_is_believed_unless_listed(serve, mode):
    server = serve(ALIAS, mode)
    values = seen(server, "/mount/x", {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https",
                                       "X-Forwarded-Port": "1", "X-Script-Name": "/evil"})
    assert values["REMOTE_ADDR"] == "127.0.0.1"
    assert values["HTTP_HOST"] == f"127.0.0.1:{server.port}"
    assert (values["wsgi.url_scheme"], values["SERVER_PORT"]) == ("http", str(server.port))
    assert values["SCRIPT_NAME"] == "/mount" and "mod_wsgi.mount_point" not in values
    assert values["HTTP_X_FORWARDED_FOR"] == "1.2.3.4" and values["HTTP_X_SCRIPT_NAME"] == "/evil"


@pytest.mark.parametrize("header, value, changed", [
    ("X-Forwarded-For", "1.2.3.4", {"REMOTE_ADDR": "1.2.3.4"}),
    ("X-Forwarded-For", " , 1.2.3.4,5.6.7.8", {"REMOTE_ADDR": "1.2.3.4", "HTTP_X_FORWARDED_FOR": ", 1.2.3.4,5.6.7.8"}),
    ("X-Forwarded-For", "2001:db8::1", {"REMOTE_ADDR": "2001:db8::1"}),
    ("X-Client-IP", "1.2.3.4, 5", {"REMOTE_ADDR": "1.2.3.4, 5"}),
    ("X-Real-IP", "any thing", {"REMOTE_ADDR": "any thing"}),
    ("X-Forwarded-Host", "www.example.com:81", {"HTTP_HOST": "www.example.com:81"}),
    ("X-Host", "other", {"HTTP_HOST": "other"}),
    ("X-Forwarded-Server", "name", {"SERVER_NAME": "name"}),
    ("X-Forwarded-Port", "8443", {"SERVER_PORT": "8443"}),
    ("X-Script-Name", "/outer", {"SCRIPT_NAME": "/outer", "mod_wsgi.mount_point": "/outer", "PATH_INFO": "/in/fo",
                                 "mod_wsgi.script_name": "/mount", "mod_wsgi.path_info": "/in/fo"}),
    ("X-Forwarded-Script-Name", "", {"SCRIPT_NAME": "", "mod_wsgi.mount_point": ""}),
    ("X-Forwarded-Proto", "https", {"wsgi.url_scheme": "https", "REQUEST_SCHEME": "http"}),
    ("X-Forwarded-Scheme", "HTTPS", {"wsgi.url_scheme": "https"}),
    ("X-Scheme", "https", {"wsgi.url_scheme": "https"}),
    ("X-Scheme", "on", {"wsgi.url_scheme": "http"}),
    ("X-Forwarded-HTTPS", "On", {"wsgi.url_scheme": "https"}),
    ("X-Forwarded-SSL", "TRUE", {"wsgi.url_scheme": "https"}),
    ("X-HTTPS", "1", {"wsgi.url_scheme": "https"}),
    ("X-HTTPS", "https", {"wsgi.url_scheme": "http"}),
])
def test_each_header(serve, mode, header, value, changed):
    server = serve(ALIAS + EVERY, mode)
    before = seen(server, "/mount/in/fo", {})
    values = seen(server, "/mount/in/fo", {header: value})
    assert "HTTPS" not in values
    for name, expected in changed.items():
        assert values[name] == expected, name
    same = {"REMOTE_ADDR", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME", "PATH_INFO", "wsgi.url_scheme"} - set(changed)
    assert {name: values[name] for name in same} == {name: before[name] for name in same}


def test_a_scheme_header_decides_over_tls_and_setenv(serve, mode):
    server = serve("SetEnv HTTPS on\n" + ALIAS + "WSGITrustedProxyHeaders X-Forwarded-Proto X-Forwarded-SSL\n", mode)
    for headers, scheme in [({}, "https"), ({"X-Forwarded-Proto": "http"}, "http"), ({"X-Forwarded-SSL": "off"}, "http"),
                            ({"X-Forwarded-Proto": "http", "X-Forwarded-SSL": "on"}, "https"),
                            ({"X-Forwarded-Proto": "https", "X-Forwarded-SSL": "perhaps"}, "https"),
                            ({"X-Forwarded-Proto": "http", "X-Forwarded-SSL": "perhaps"}, "http")]:
        assert seen(server, "/mount", headers)["wsgi.url_scheme"] == scheme, headers


def test_the_last_that_is_listed_wins_and_the_others_are_hidden(serve, mode):
    server = serve(locations(["WSGITrustedProxyHeaders X-Forwarded-For X-Real-IP", "WSGITrustedProxyHeaders X-Real-IP X-Forwarded-For",
                              "WSGITrustedProxyHeaders X-Host"]), mode)
    headers = {"X-Forwarded-For": "1.1.1.1", "X-Real-IP": "2.2.2.2", "X-Client-IP": "3.3.3.3", "X-Forwarded-Host": "left.alone"}
    values = seen(server, "/0", headers)
    assert (values["REMOTE_ADDR"], values["HTTP_X_REAL_IP"]) == ("2.2.2.2", "2.2.2.2")
    assert not {"HTTP_X_FORWARDED_FOR", "HTTP_X_CLIENT_IP"} & set(values)
    assert values["HTTP_X_FORWARDED_HOST"] == "left.alone"  # nothing of its category is listed
    values = seen(server, "/1", headers)
    assert values["REMOTE_ADDR"] == values["HTTP_X_FORWARDED_FOR"] == "1.1.1.1"
    assert not {"HTTP_X_REAL_IP", "HTTP_X_CLIENT_IP"} & set(values)
    values = seen(server, "/2", headers)
    assert "HTTP_X_FORWARDED_HOST" not in values and values["HTTP_X_FORWARDED_FOR"] == "1.1.1.1"


def test_a_peer_that_is_not_trusted_is_not_believed(serve, mode):
    server = serve(ALIAS + "WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Proto\nWSGITrustedProxies 10.0.0.0/8\n", mode)
    values = seen(server, "/mount", {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Real-IP": "1.2.3.4",
                                     "X-Host": "left.alone"})
    assert (values["REMOTE_ADDR"], values["wsgi.url_scheme"]) == ("127.0.0.1", "http")
    assert not {"HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP"} & set(values)
    assert values["HTTP_X_HOST"] == "left.alone"


WALKS = [
    ("1.1.1.1", "1.1.1.1", "1.1.1.1"),
    ("1.1.1.1, 2.2.2.2", "2.2.2.2", "2.2.2.2"),
    ("1.1.1.1, 2.2.2.2, 10.0.0.1", "2.2.2.2", "2.2.2.2, 10.0.0.1"),
    ("1.1.1.1,2.2.2.2 ,10.0.0.1,, 10.9.9.9", "2.2.2.2", "2.2.2.2, 10.0.0.1, 10.9.9.9"),
    ("10.0.0.3, 10.0.0.2", "10.0.0.3", "10.0.0.3, 10.0.0.2"),
    ("2001:db8::7, fd00::1, 10.0.0.1", "2001:db8::7", "2001:db8::7, fd00::1, 10.0.0.1"),
]


@pytest.mark.parametrize("value, client, rest", WALKS)
def test_walks_from_the_right_over_trusted_proxies(serve, mode, value, client, rest):
    server = serve(ALIAS + "WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies 127.0.0.1 10.0.0.0/8 fd00::/16\n", mode)
    values = seen(server, "/mount", {"X-Forwarded-For": value})
    assert (values["REMOTE_ADDR"], values["HTTP_X_FORWARDED_FOR"]) == (client, rest)


@pytest.mark.ours
@pytest.mark.parametrize("name", ["localhost", "unknown", "[::1]", "1.2.3.4:567"])
def test_no_name_is_looked_up(serve, mode, name):
    server = serve(ALIAS + "WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies 127.0.0.1\n", mode)
    values = seen(server, "/mount", {"X-Forwarded-For": f"1.1.1.1, {name}, 127.0.0.1"})
    assert (values["REMOTE_ADDR"], values["HTTP_X_FORWARDED_FOR"]) == (name, f"{name}, 127.0.0.1")


@pytest.mark.ours
@pytest.mark.parametrize("line", ["WSGITrustedProxyHeaders X_Forwarded_For", "WSGITrustedProxyHeaders X-Unheard-Of",
                                  "WSGITrustedProxies localhost", "WSGITrustedProxies 10.0.0.0/33"])
def test_names_that_mean_nothing_are_refused_at_start(serve, line):
    server = serve(line, run=False)
    result = server.configtest()
    assert result.returncode != 0 and line.split()[1] in result.stderr


def test_ipv6_peer(serve, mode):
    server = serve("Listen [::1]:${PORT}\n" + ALIAS +
                   "WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies ::1\n", mode)
    with Connection(server.port, host="::1") as client:
        values = variables(client.request("GET", "/mount", {"X-Forwarded-For": "2001:db8::9"}))
    assert values["REMOTE_ADDR"] == "2001:db8::9"
    assert seen(server, "/mount", {"X-Forwarded-For": "2001:db8::9"})["REMOTE_ADDR"] == "127.0.0.1"


def test_setenv_does_not_stand_in_for_a_hidden_header(serve, mode):
    server = serve(ALIAS + "SetEnv HTTP_X_REAL_IP 9.9.9.9\nWSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies 10.0.0.1\n", mode)
    assert "HTTP_X_REAL_IP" not in seen(server, "/mount", {"X-Real-IP": "1.1.1.1"})


@pytest.mark.parametrize("first, second", [({}, {"X-Script-Name": "/a"}), ({"X-Script-Name": "/a"}, {})])
def test_one_request_leaves_nothing_to_the_next(serve, mode, first, second):
    """Environs of an interpreter begin with what its first request had; each gets all that is its own, and no more."""
    server = serve("WSGITrustedProxyHeaders X-Script-Name X-Forwarded-Server\n" + ALIAS, mode, options="threads=1", threads=1,
                   children=1)
    server.request("HEAD", "/mount/x", {**first, "X-Forwarded-Server": "first"})
    for number, headers in enumerate((second, first, second, first)):
        values = seen(server, "/mount/x", {**headers, "X-Forwarded-Server": f"name{number}"})
        assert values["SERVER_NAME"] == f"name{number}" and values["REQUEST_METHOD"] == "GET"
        assert values["SCRIPT_NAME"] == headers.get("X-Script-Name", "/mount")
        assert values.get("mod_wsgi.mount_point") == headers.get("X-Script-Name")
