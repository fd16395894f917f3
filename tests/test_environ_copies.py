"""Environs begin as copies of what an interpreter's first request had: whatever that was, and whatever applications do with
theirs, the next one is as if it were the first."""

import base64
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.ours

# Tells its environ, then spoils it, and keeps it.
SPOILING = '''"""Tells its environ, spoils it, and never lets it go."""
import json
kept = []
def application(environ, start_response):
    told = {name: [type(value).__name__, repr(value)] for name, value in environ.items()}
    environ["wsgi.input"].read()
    method = environ["REQUEST_METHOD"]
    kept.append(environ)
    for number, name in enumerate(list(environ)):
        if number % 3:
            environ[name] = "spoilt"
        else:
            del environ[name]
    environ.update({"REMOTE_USER": "spoilt", "HTTPS": "on", "spoilt": []})
    start_response("200 OK", [("X-Method", method)])
    return [json.dumps(told).encode()]
'''

CONF = """
MaxKeepAliveRequests 0
<VirtualHost *:${PORT}>
    ServerName one.example
    Include ${ROOT}/site.conf
</VirtualHost>
<VirtualHost *:${PORT}>
    ServerName two.example
    ServerAdmin two@example.com
    DocumentRoot ${ROOT}/apps
    UseCanonicalName On
    Include ${ROOT}/site.conf
</VirtualHost>
"""
SITE = r"""
    WSGIScriptAlias /app ${ROOT}/site/app.py
    WSGIScriptAlias /other ${ROOT}/site/other.py
    WSGIApplicationGroup %{ENV:FIRST}
    SetEnvIf X-First (.*) FIRST=$1
    WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Host X-Forwarded-Port X-Forwarded-Server X-Script-Name X-Forwarded-Proto
    RewriteEngine On
    RewriteRule ^/rewritten$ /app/rewritten [PT,E=FROM_RULE:rule,E=REMOTE_HOST:rule,E=REDIRECT_URL:rule]
    <Location /app/user>
        AuthType Basic
        AuthName tests
        AuthUserFile ${ROOT}/users
        Require valid-user
    </Location>
    <Location /app/set>
        SetEnv REMOTE_USER set
        SetEnv AUTH_TYPE set
        SetEnv SERVER_SIGNATURE set
        SetEnv CONTENT_LENGTH 17
        SetEnv SERVER_NAME set
        SetEnv Server_Name "another name"
        SetEnv HTTP_COOKIE set
        SetEnv SSL_CLIENT_S_DN "CN=set"
        SetEnv wsgi.input set
        SetEnv wsgi.version set
        SetEnv wsgi.run_once set
        SetEnv mod_wsgi.mount_point set
        SetEnv "padding 20" set
        SetEnv HTTPS on
    </Location>
    <Location /app/empty>
        SetEnv REMOTE_USER ""
        SetEnv SSL_CLIENT_S_DN ""
    </Location>
"""
BASIC = "Basic " + base64.b64encode(b"ada:secret").decode()
# Kinds of requests: method, path, headers, body, host.
KINDS = {
    "plain": ("GET", "/app", {}, b"", "one.example"),
    "head": ("HEAD", "/app", {}, b"", "one.example"),
    "odd": ("BREW", "/app//a/%FFb%C3%BC?q=%FF\xff", {"X-Odd": "\xe9\xff", "Cookie": "a=\xfc"}, b"", "one.example"),
    "upload": ("POST", "/app/in", {"Content-Type": "text/x-test"}, b"x" * 20_000, "one.example"),
    "user": ("GET", "/app/user", {"Authorization": BASIC}, b"", "one.example"),
    "set": ("GET", "/app/set", {}, b"", "one.example"),
    "empty": ("GET", "/app/empty", {"Cookie": "", "X-Odd": ""}, b"", "one.example"),
    "vhost": ("GET", "/app", {}, b"", "two.example"),
    "script": ("GET", "/other/x", {"Cookie": "c=3", "X-Unknown": "u"}, b"", "one.example"),
    "rewritten": ("GET", "/rewritten?r", {}, b"", "one.example"),
    "proxied": ("GET", "/app/outer/in", {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": "front.example", "X-Forwarded-Port": "444",
                                       "X-Forwarded-Server": "front", "X-Script-Name": "/outer", "X-Forwarded-Proto": "https"},
                b"", "one.example"),
}
# What differs from request to request, whoever sends it.
OWN = {"REMOTE_PORT", "mod_wsgi.request_id", "mod_wsgi.connection_id", "mod_wsgi.traceparent", "WSGI_TRACE_ID",
       "mod_wsgi.thread_id", "mod_wsgi.request_start", "mod_wsgi.queue_start", "mod_wsgi.daemon_start", "mod_wsgi.application_start",
       "mod_wsgi.application_group", "FIRST", "HTTP_X_FIRST", "wsgi.input", "wsgi.errors", "wsgi.file_wrapper"}


def start(serve, mode, options="threads=8"):
    """The two virtual hosts with all that the kinds of requests need."""
    files = {"site/app.py": SPOILING, "site/other.py": SPOILING, "site.conf": SITE,
             "users": "ada:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"}
    return serve(CONF, mode, options, files=files)


def ask(client, kind, first):
    """The environ that a request of this kind finds in the interpreter `first`, without what is each request's own: types and
    texts. Of a HEAD only the method is seen."""
    method, path, headers, body, host = KINDS[kind]
    client.start(method, path, {**headers, "X-First": first}, body, host=host)
    response = client.finish(method)
    assert (response.status, response.header("X-Method")) == (200, method), kind
    if method == "HEAD":
        return {}
    found = json.loads(response.body)
    assert found["mod_wsgi.application_group"][1] == repr(first)
    assert [found[f"wsgi.{name}"][0] for name in ("input", "errors")] == ["Input", "Errors"]
    return {name: text for name, text in found.items() if name not in OWN}


@pytest.mark.timeout(300)
def test_whatever_the_first_request_was(serve, mode):
    server = start(serve, mode)
    with server.connect() as client:
        alone = {kind: ask(client, kind, kind) for kind in KINDS}
        assert alone["user"]["REMOTE_USER"][1] == "'ada'" and "REMOTE_USER" not in alone["plain"]
        for first in KINDS:
            for kind in KINDS:
                assert ask(client, kind, first) == alone[kind], (first, kind)


def test_first_requests_at_the_same_time(serve, mode):
    """Twenty interpreters, of each of which requests of all kinds are the first."""
    server = start(serve, mode, options="threads=12")
    kinds = [kind for kind in KINDS if kind != "head"]
    barrier = threading.Barrier(len(kinds))

    def first(kind):
        with server.connect() as client:
            alone, seen = ask(client, kind, kind), []
            for number in range(20):
                barrier.wait(60)
                seen.append(ask(client, kind, f"group {number}"))
            return [found == alone for found in seen]

    with ThreadPoolExecutor(len(kinds)) as clients:
        outcomes = dict(zip(kinds, clients.map(first, kinds), strict=True))
    assert all(all(same) for same in outcomes.values()), outcomes


def test_after_a_reload(serve, mode):
    server = start(serve, mode)
    with server.connect() as client:
        plain, user = ask(client, "plain", "one"), ask(client, "user", "one")
        assert (ask(client, "user", "two"), ask(client, "plain", "two")) == (user, plain)
        for times in (1, 2):
            os.utime(server.write("site/app.py", SPOILING), (time.time() + 10 * times,) * 2)
            for kind, seen in (("user", user), ("plain", plain)):
                assert ask(client, kind, "one") == seen
                assert ask(client, kind, "two") == seen


def test_forked_copies_of_one_template(serve):
    """What is loaded before the fork is shared by the workers; what a request brings is its worker's."""
    conf = "WSGIScriptAlias /app ${ROOT}/site/app.py process-group=app application-group=%{GLOBAL}\nSetEnvIf X-User (.+) REMOTE_USER=$1\n"
    server = serve(conf, "daemon", "preload=on processes=2 threads=2", files={"site/app.py": SPOILING})
    for number in range(40):
        users = {"X-User": f"user {number}"} if number % 2 else {}
        found = json.loads(server.get("/app", users).body)
        assert found.get("REMOTE_USER") == (["str", repr(f"user {number}")] if users else None)
        assert "spoilt" not in found
