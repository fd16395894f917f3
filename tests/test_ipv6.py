"""IPv6: listeners, addresses in environ, proxies, and virtual hosts."""

import pytest
from support.environ import variables
from support.http import Connection
from support.server import free_port


@pytest.fixture
def server(serve, mode):
    """Listens on both loopback addresses."""
    return serve("Listen [::1]:${PORT}\nWSGIScriptAlias /environ ${APPS}/environ.py\nWSGIScriptAlias /digest ${APPS}/digest.py\n", mode)


def test_addresses(server):
    with Connection(server.port, host="::1") as client:
        values = variables(client.request("GET", "/environ", host=f"[::1]:{server.port}"))
        assert int(values["REMOTE_PORT"]) == client.socket.getsockname()[1]
        assert client.request("POST", "/digest", (), b"x" * 200_000).text.startswith("200000 ")
    assert values["REMOTE_ADDR"] == values["SERVER_ADDR"] == "::1"
    assert values["SERVER_NAME"] == "[::1]" and values["HTTP_HOST"] == f"[::1]:{server.port}"
    assert (values["mod_wsgi.listener_host"], values["mod_wsgi.listener_port"]) == ("::1", str(server.port))
    assert values["SERVER_PORT"] == str(server.port)


def test_ipv4_beside_it(server):
    values = variables(server.get("/environ"))
    assert values["REMOTE_ADDR"] == values["SERVER_ADDR"] == values["mod_wsgi.listener_host"] == "127.0.0.1"


def test_one_listener_for_both(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/environ.py\n", mode, run=False)
    both = free_port("::")
    server.reconfigure(f"Listen 127.0.0.1:{server.port}", f"Listen 127.0.0.1:{server.port}\nListen [::]:{both}")
    server.start()
    for host, address in [("::1", "::1"), ("127.0.0.1", "127.0.0.1")]:
        try:
            client = Connection(both, host=host)
        except OSError:
            assert host == "127.0.0.1"  # where IPv6 sockets take IPv6 only
            continue
        with client:
            values = variables(client.request("GET", "/"))
        assert values["REMOTE_ADDR"] == values["SERVER_ADDR"] == address
        assert values["mod_wsgi.listener_host"] in ("", "::", address)


def test_clients_in_the_error_log(serve, mode):
    server = serve("Listen [::1]:${PORT}\nWSGIScriptAlias / ${APPS}/failing.py\n", mode)
    with Connection(server.port, host="::1") as client:
        assert client.request("GET", "/before").status == 500
    server.wait_for_log(r"\[(client|remote) \[?::1\]?:\d+\].*Custom: the reason")


def test_remoteip(serve, mode):
    conf = ("Listen [::1]:${PORT}\nWSGIScriptAlias / ${APPS}/environ.py\nRemoteIPHeader X-Forwarded-For\n"
            "RemoteIPInternalProxy ::1 127.0.0.1\n")
    server = serve(conf, mode, modules=("remoteip",))
    for host, client_address in [("::1", "2001:db8::5"), ("127.0.0.1", "192.0.2.5")]:
        with Connection(server.port, host=host) as client:
            values = variables(client.request("GET", "/", {"X-Forwarded-For": client_address}))
        assert values["REMOTE_ADDR"] == client_address
        assert "HTTP_X_FORWARDED_FOR" not in values
