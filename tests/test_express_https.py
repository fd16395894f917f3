"""mod_wsgi-express: HTTPS with a certificate of one's own, with and without a server name, and who must come through it."""

import json
import os
import re
import ssl
import subprocess

import pytest
from support.access import certificate
from support.http import Cut
from support.server import free_port

pytestmark = pytest.mark.ours


def wrap(own=None):
    """TLS for a client, which may have a certificate of its own; the server's is not verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if own:
        context.load_cert_chain(*own)
    return lambda plain: context.wrap_socket(plain, server_hostname="www.example.com")


@pytest.fixture
def tls(express):
    """The options for HTTPS, and its port; the files may be read by who runs httpd."""
    pair = certificate(express.folder)
    for place, name in zip(pair, ("own.crt", "own.key")):
        os.rename(place, express.folder / name)
        if express.identity():
            os.chown(express.folder / name, express.identity()["user"], -1)
    port = free_port()
    return port, ["--https-port", str(port), "--ssl-certificate", str(express.folder / "own")]


def told(response):
    """What the application says."""
    assert response.status == 200, (response.status, response.body[:300])
    return json.loads(response.body)


def test_without_a_server_name(express, tls):
    """The banner says that it is there, and it is."""
    port, options = tls
    express.start("wsgi.py", *options, "--ssl-environment")
    assert f"Server URL (HTTPS) : https://localhost:{port}/" in express.out.read_text()
    said = told(express.get("/page", wrap=wrap(), port=port))
    assert (said["PATH_INFO"], said["wsgi.url_scheme"]) == ("/page", "https") and said["SSL_PROTOCOL"].startswith("TLS")
    assert told(express.get("/page"))["wsgi.url_scheme"] == "http"


def test_files_of_certificate_and_key(express, tls):
    port, _ = tls
    express.start("wsgi.py", "--https-port", port, "--ssl-certificate-file", "own.crt", "--ssl-certificate-key-file", "own.key",
                  "--ssl-certificate-chain-file", "own.crt")
    assert told(express.get(wrap=wrap(), port=port))["wsgi.url_scheme"] == "https"


def test_https_only(express, tls):
    """A permanent redirect that keeps path and query, as they were written."""
    port, options = tls
    express.start("wsgi.py", *options, "--https-only", "--hsts-policy", "max-age=100")
    for path in ("/", "/page?a=b%20c", "/a%20b/%C3%BC?x=%2F"):
        answer = express.request("GET", path, host=f"localhost:{express.port}")
        assert (answer.status, answer.header("Location").replace("%c3%bc", "%C3%BC")) == (301, f"https://localhost:{port}{path}")
        assert answer.header("Strict-Transport-Security") is None
    answer = express.get("/page", wrap=wrap(), port=port)
    assert told(answer)["PATH_INFO"] == "/page" and answer.header("Strict-Transport-Security") == "max-age=100"


def test_with_a_server_name(express, tls):
    port, options = tls
    express.start("wsgi.py", *options, "--https-only", "--server-name", "www.example.com", "--http2")
    answer = express.request("GET", "/page", host="www.example.com")
    assert (answer.status, answer.header("Location")) == (301, f"https://www.example.com:{port}/page")
    told(express.request("GET", "/", host="www.example.com", wrap=wrap(), port=port))
    assert express.get(wrap=wrap(), port=port).status in (403, 421)  # the name in TLS is another one
    bare = express.request("GET", "/page", host="example.com")
    assert (bare.status, bare.header("Location")) == (301, f"http://www.example.com:{express.port}/page")


def test_certificates_of_clients(express, tls):
    """The whole site requires one, which the authority has signed."""
    port, options = tls
    express.start("wsgi.py", *options, "--ssl-ca-certificate-file", "own.crt")
    own = (express.folder / "own.crt", express.folder / "own.key")
    assert told(express.get(wrap=wrap(own), port=port))["wsgi.url_scheme"] == "https"
    with pytest.raises((ssl.SSLError, ConnectionError, Cut)):
        express.get(wrap=wrap(), port=port)


def test_certificates_of_clients_for_a_part(express, tls):
    """With --ssl-verify-client only this URL asks for one."""
    port, options = tls
    express.start("wsgi.py", *options, "--ssl-ca-certificate-file", "own.crt", "--ssl-verify-client", "/closed")
    assert told(express.get("/open", wrap=wrap(), port=port))["PATH_INFO"] == "/open"
    assert express.get("/closed/page", wrap=wrap(), port=port).status == 403


@pytest.mark.parametrize("options, message", [
    (["--https-port", "8443", "--ssl-certificate", "none"], "the certificate is .*none.crt, which does not exist"),
    (["--https-port", "8443", "--ssl-certificate-key-file", "own.key"], "--https-port needs a certificate"),
    (["--port", "8443", "--https-port", "8443", "--ssl-certificate", "own"], "it is the same as --port"),
    (["--https-port", "8443", "--ssl-certificate", "own", "--ssl-verify-client", "/x"], "needs --ssl-ca-certificate-file"),
    (["--https-port", "8443", "--ssl-certificate", "own", "--hsts-policy", "x"], "--hsts-policy needs --https-only"),
])
def test_refused(express, tls, options, message):
    result = express.setup("wsgi.py", *options)
    assert result.returncode == 1 and re.search(message, result.stderr), result.stderr


def test_a_certificate_that_is_none(express, tls):
    """httpd's own words say which file."""
    port, _ = tls
    (express.folder / "bad.crt").write_text("nothing")
    (express.folder / "bad.key").write_text("nothing")
    result = subprocess.run(express.arguments("start-server", ["wsgi.py", "--https-port", port, "--ssl-certificate", "bad"]),
                            capture_output=True, text=True, cwd=express.folder, env=express.environment(), timeout=60,
                            stdin=subprocess.DEVNULL, check=False, **express.identity())
    log = express.root / "error_log"
    assert result.returncode != 0
    assert "bad.crt" in result.stderr + (log.read_text() if log.exists() else "")
