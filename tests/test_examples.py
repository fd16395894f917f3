"""Every file of conf-examples/ is started as it stands, only with its places, ports and users exchanged, and answers."""

import json
import ssl

import pytest
from support import httpd
from support.examples import prepare
from support.http import Connection
from support.server import free_port

EXAMPLES = httpd.REPOSITORY / "conf-examples"

# File: requests as (host, path), and what environ says: SCRIPT_NAME, process group, application group (None: any).
REQUESTS = {
    "embedded.conf": [("shop.example.com", "/x", "", "", "")],
    "daemon.conf": [("shop.example.com", "/x", "", "shop", "")],
    "vhosts.conf": [("shop.example.com", "/x", "", "shop", ""), ("blog.example.com", "/x", "", "blog", "")],
    "venv.conf": [("apps.example.com", "/new/x", "/new", "new", ""), ("apps.example.com", "/old/x", "/old", "old", "")],
    "sub-url.conf": [("www.example.com", "/shop/x", "/shop", "shop", "shop"), ("www.example.com", "/shop/api/x", "/shop/api", "shop", "api")],
    "static-media.conf": [("shop.example.com", "/x", "", "shop", "")],
    "mass-hosting.conf": [("www.example.com", "/~ada/x", "/~ada", "sites", None), ("www.example.com", "/~bob/x", "/~bob", "sites", None)],
    "two-sites.conf": [("www.example.com", "/shop/x", "/shop", "sites", "shop"), ("www.example.com", "/blog/x", "/blog", "sites", "blog")],
    "users.conf": [("www.example.com", "/shop/x", "/shop", "shop", ""), ("www.example.com", "/blog/x", "/blog", "blog", "")],
    "telemetry.conf": [("shop.example.com", "/x", "", "shop", "")],
    "https.conf": [("shop.example.com", "/x", "", "shop", "")],
}


def check(answer, script_name, process_group, application_group):
    """What environ says about who has answered."""
    assert answer.status == 200, answer
    environ = {key: value.strip("'") for key, (_, value) in json.loads(answer.body).items()}
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script_name, "/x")
    assert environ["mod_wsgi.process_group"] == process_group
    if application_group is not None:
        assert environ["mod_wsgi.application_group"] == application_group
    return environ


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.conf")} == set(REQUESTS)


@pytest.mark.parametrize("name", [name for name in REQUESTS if name != "https.conf"])
def test_example(serve, name):
    server = prepare(serve, (EXAMPLES / name).read_text()).start()
    for host, path, *expected in REQUESTS[name]:
        check(server.get(path, host=host), *expected)
    if name == "static-media.conf":
        for place in ("static", "media"):
            server.write(f"srv/shop/{place}/file.txt", "from a file")
            response = server.get(f"/{place}/file.txt", host="shop.example.com")
            assert (response.status, response.body) == (200, b"from a file")
    if name == "mass-hosting.conf":
        assert server.get("/~nobody/", host="www.example.com").status == 404


def test_https(serve):
    port = free_port()
    server = prepare(serve, (EXAMPLES / "https.conf").read_text(), port)
    server.start()
    assert server.get("/x", host="shop.example.com").header("Location") == "https://shop.example.com/x"
    context = ssl.create_default_context(cafile=server.root / "srv/shop/tls/fullchain.pem")
    context.check_hostname = False
    with Connection(port, wrap=lambda raw: context.wrap_socket(raw, server_hostname="shop.example.com")) as client:
        response = client.request("GET", "/x", {"Authorization": "Bearer token"}, host="shop.example.com")
        environ = check(response, *REQUESTS["https.conf"][0][2:])
        assert environ["wsgi.url_scheme"] == "https" and environ["HTTP_AUTHORIZATION"] == "Bearer token"
        assert client.request("POST", "/x", (), b"x" * 200_000, host="shop.example.com").status == 200
