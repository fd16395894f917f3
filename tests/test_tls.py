"""HTTPS: mod_ssl's variables, the scheme, certificates of clients, and bodies through TLS."""

import ssl
import subprocess

import pytest
from support.environ import variables
from support.http import Connection, Cut
from support.server import free_port

CONF = """
Listen 127.0.0.1:{port}
WSGIScriptAlias /environ ${{APPS}}/environ.py
WSGIScriptAlias /digest ${{APPS}}/digest.py
WSGIScriptAlias /files ${{APPS}}/files.py
WSGIScriptAlias /stream ${{APPS}}/stream.py
WSGIScriptAlias /failing ${{APPS}}/failing.py
SetEnv MOD_WSGI_TEST_DATA ${{ROOT}}/data
<VirtualHost *:{port}>
    ServerName secure.example.com:{port}
    SSLEngine On
    SSLCertificateFile ${{ROOT}}/tls/server.pem
    SSLCertificateKeyFile ${{ROOT}}/tls/server.key
    SSLCACertificateFile ${{ROOT}}/tls/client.pem
    SSLVerifyClient optional
    <Location /environ/std>
        SSLOptions +StdEnvVars +ExportCertData
    </Location>
    <Location /environ/required>
        Require ssl-verify-client
    </Location>
    <Location /environ/user>
        SSLOptions +StdEnvVars
        SSLUserName SSL_CLIENT_S_DN_CN
    </Location>
</VirtualHost>
"""


def certificate(folder, name, subject):
    """A certificate of its own issuer, and its key."""
    files = [folder / f"{name}.pem", folder / f"{name}.key"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", subject, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def certificates(server):
    """The server's certificate, and that of a client with its key."""
    folder = server.root / "tls"
    folder.mkdir()
    own, _ = certificate(folder, "server", "/CN=secure.example.com")
    return own, certificate(folder, "client", "/CN=Client/O=Example")


@pytest.fixture
def server(serve, mode):
    """A server with TLS; `server.tls(...)` connects to it."""
    port = free_port()
    made = serve(CONF.format(port=port), mode, modules=("ssl", "socache_shmcb"), run=False)
    own, pair = certificates(made)

    def tls(with_certificate=False):
        context = ssl.create_default_context(cafile=own)
        context.check_hostname = False
        if with_certificate:
            context.load_cert_chain(*pair)
        return Connection(port, wrap=lambda raw: context.wrap_socket(raw, server_hostname="secure.example.com"))

    made.tls, made.tls_port = tls, port
    made.start()
    return made


def test_scheme(server):
    with server.tls() as client:
        values = variables(client.request("GET", "/environ", host="secure.example.com"))
    assert (values["wsgi.url_scheme"], values["REQUEST_SCHEME"]) == ("https", "https")
    assert (values["SERVER_PORT"], values["SERVER_NAME"]) == (str(server.tls_port), "secure.example.com")
    assert "HTTPS" not in values
    assert not [name for name in values if name.startswith("SSL_") and name != "SSL_TLS_SNI"]
    plain = variables(server.get("/environ"))
    assert (plain["wsgi.url_scheme"], plain["REQUEST_SCHEME"]) == ("http", "http")


def test_standard_variables(server):
    with server.tls() as client:
        values = variables(client.request("GET", "/environ/std"))
    assert values["SSL_PROTOCOL"].startswith("TLSv1") and values["SSL_CIPHER"]
    assert (values["SSL_SERVER_S_DN_CN"], values["SSL_CLIENT_VERIFY"]) == ("secure.example.com", "NONE")
    assert values["SSL_SERVER_CERT"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert values["wsgi.url_scheme"] == "https" and "HTTPS" not in values


def test_certificate_of_the_client(server):
    with server.tls(True) as client:
        values = variables(client.request("GET", "/environ/std"))
        assert (values["SSL_CLIENT_VERIFY"], values["SSL_CLIENT_S_DN_CN"]) == ("SUCCESS", "Client")
        assert "BEGIN CERTIFICATE" in values["SSL_CLIENT_CERT"]
        assert variables(client.request("GET", "/environ/user"))["REMOTE_USER"] == "Client"
        assert client.request("GET", "/environ/required").status == 200
    with server.tls() as client:
        assert client.request("GET", "/environ/required").status == 403


def test_headers_cannot_forge_variables(server):
    with server.tls() as client:
        values = variables(client.request("GET", "/environ/std", {"SSL-Client-Verify": "SUCCESS", "SSL_CLIENT_VERIFY": "SUCCESS", "HTTPS": "off"}))
    assert (values["SSL_CLIENT_VERIFY"], values["HTTP_SSL_CLIENT_VERIFY"], values["HTTP_HTTPS"]) == ("NONE", "SUCCESS", "off")
    assert values["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize("size", [1, 70_000, 5_000_000])
def test_bodies(server, size):
    server.write("data/file", b"0123456789" * (size // 10 + 1))
    with server.tls() as client:
        for _ in range(2):
            assert client.request("POST", "/digest", (), b"x" * size).text.startswith(f"{size} ")
            response = client.request("GET", "/files", {"X-File": '{"name": "file"}'})
            assert response.body == b"0123456789" * (size // 10 + 1)


def test_streaming(server):
    with server.tls() as client:
        client.start("GET", "/stream/generator?tls")
        client.head()
        for step in (1, 2, 3):
            assert client.chunk() == b"block %d\n" % step
            server.write(f"data/tls.{step + 1}", "")
        assert client.chunks() == b""


@pytest.mark.ours
def test_a_response_that_is_cut_short_shows_it(server):
    with server.tls() as client, pytest.raises((Cut, ssl.SSLError)):
        client.request("GET", "/failing/after")


def test_scheme_of_a_proxy_goes_before(serve, mode):
    port = free_port()
    conf = CONF.format(port=port) + "WSGITrustedProxyHeaders X-Forwarded-Proto\n"
    made = serve(conf, mode, modules=("ssl", "socache_shmcb"), run=False)
    own, _ = certificates(made)
    made.start()
    context = ssl.create_default_context(cafile=own)
    context.check_hostname = False
    with Connection(port, wrap=lambda raw: context.wrap_socket(raw, server_hostname="secure.example.com")) as client:
        for value, scheme in [("http", "http"), ("https", "https"), ("odd", "https")]:
            values = variables(client.request("GET", "/environ", {"X-Forwarded-Proto": value}))
            assert (values["wsgi.url_scheme"], values["REQUEST_SCHEME"]) == (scheme, "https")
        assert variables(client.request("GET", "/environ"))["wsgi.url_scheme"] == "https"
