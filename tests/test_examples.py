"""Every file of conf-examples/ is started as it stands, only with its places, ports and users exchanged, and answers."""

import json
import os
import re
import ssl
import subprocess

import pytest
from support import httpd
from support.http import Connection
from support.server import free_port

EXAMPLES = httpd.REPOSITORY / "conf-examples"
ANSWERS = '"""Stands for the application."""\n' + (httpd.REPOSITORY / "tests/apps/environ.py").read_text().split("\n", 1)[1]

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


def prepare(serve, name, tls=0):
    """The server of an example, not started: with an application at every script and an environment at every home."""
    text = (EXAMPLES / name).read_text()
    users = {"user=shop group=shop": "user=daemon group=daemon", "user=blog group=blog": "user=nobody group=nogroup"}
    for mine, theirs in users.items():
        text = text.replace(mine, theirs if os.geteuid() == 0 else "")
    scripts = set(re.findall(r"/(srv/\S+\.py)", text)) | {f"srv/sites/{user}/wsgi.py" for user in ("ada", "bob") if "$1" in text}
    files = {script: ANSWERS for script in scripts if "$" not in script}
    files |= {f"{place}/x": "" for place in re.findall(r"(?:ErrorLog|home=) ?/(srv/\w+(?:/logs)?)\b", text)}
    text = text.replace("/srv/", "${ROOT}/srv/").replace("^${ROOT}", "${ROOT}").replace("*:80>", "*:${PORT}>").replace("*:443>", f"*:{tls}>")
    if tls:
        text = f"Listen 127.0.0.1:{tls} https\n" + text
    server = serve(text, run=False, modules=["ssl", "socache_shmcb"] if tls else [], files=files)
    for home in set(re.findall(r"\$\{ROOT\}/(srv/\w+/venv)", text)):
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", server.root / home], check=True)
    return server


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
    server = prepare(serve, name).start()
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
    server = prepare(serve, "https.conf", port)
    place = server.root / "srv" / "shop" / "tls"
    place.mkdir(parents=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop.example.com",
                    "-keyout", place / "privkey.pem", "-out", place / "fullchain.pem"], check=True, capture_output=True)
    server.start()
    assert server.get("/x", host="shop.example.com").header("Location") == "https://shop.example.com/x"
    context = ssl.create_default_context(cafile=place / "fullchain.pem")
    context.check_hostname = False
    with Connection(port, wrap=lambda raw: context.wrap_socket(raw, server_hostname="shop.example.com")) as client:
        response = client.request("GET", "/x", {"Authorization": "Bearer token"}, host="shop.example.com")
        environ = check(response, *REQUESTS["https.conf"][0][2:])
        assert environ["wsgi.url_scheme"] == "https" and environ["HTTP_AUTHORIZATION"] == "Bearer token"
        assert client.request("POST", "/x", (), b"x" * 200_000, host="shop.example.com").status == 200
