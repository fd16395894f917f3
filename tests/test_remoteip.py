"""mod_remoteip in front: the client is who it says, for the application, the log and WSGITrustedProxies."""

from support.environ import variables

CONF = "WSGIScriptAlias /environ ${APPS}/environ.py\nWSGIScriptAlias /failing ${APPS}/failing.py\nRemoteIPHeader X-Real\nRemoteIPInternalProxy 127.0.0.1\n"


def test_address(serve, mode):
    server = serve(CONF, mode, modules=("remoteip",))
    values = variables(server.get("/environ", {"X-Real": "192.0.2.7"}))
    assert values["REMOTE_ADDR"] == "192.0.2.7" and "HTTP_X_REAL" not in values
    assert variables(server.get("/environ"))["REMOTE_ADDR"] == "127.0.0.1"
    assert server.get("/failing/before", {"X-Real": "192.0.2.8"}).status == 500
    server.wait_for_log(r"192\.0\.2\.8.*Custom: the reason")


def test_trusted_proxies_are_compared_with_it(serve, mode):
    conf = CONF + "WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies 192.0.2.0/24\n"
    server = serve(conf, mode, modules=("remoteip",))
    values = variables(server.get("/environ", {"X-Real": "192.0.2.7", "X-Forwarded-For": "198.51.100.1"}))
    assert values["REMOTE_ADDR"] == "198.51.100.1"
    values = variables(server.get("/environ", {"X-Real": "203.0.113.7", "X-Forwarded-For": "198.51.100.1"}))
    assert values["REMOTE_ADDR"] == "203.0.113.7"


def test_proxy_protocol(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/environ.py\nRemoteIPProxyProtocol On\n", mode, modules=("remoteip",))
    with server.connect() as client:
        client.send(b"PROXY TCP4 192.0.2.9 192.0.2.1 4321 80\r\n")
        values = variables(client.request("GET", "/"))
    assert values["REMOTE_ADDR"] == "192.0.2.9"
