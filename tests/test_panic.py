"""A bug of ours costs one request: a build with fault points panics on demand."""

import pytest
from support import access, httpd

FAULTY = httpd.REPOSITORY / "target" / "stage-faults" / "mod_wsgi.so"


@pytest.fixture
def faulty(monkeypatch):
    if not FAULTY.exists():
        pytest.skip(f"NO FAULT POINTS: {FAULTY} is missing, make faults builds it")
    place = httpd.copy_of(FAULTY)
    monkeypatch.setattr(httpd, "module", lambda: place)


def test_panic_in_the_handler(faulty, serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/hello.py\n", mode, env={"MOD_WSGI_FAULT": "handler-panic"})
    pids = server.httpd_children()
    for _ in range(3):
        response = server.get("/", {"X-Fault": "handler-panic"})
        assert response.status == 500
        assert server.get("/").body == b"Hello, world!"
    server.wait_for_log("fault point `handler-panic`")
    assert server.httpd_children() == pids


GUARD = """
def allow_access(environ, host): return True
def check_password(environ, user, password): return True
def groups_for_user(environ, user): return ["staff"]
def process_group(environ): return None
"""
AUTH = "AuthType Basic\nAuthName x\nAuthBasicProvider wsgi\nWSGIAuthUserScript ${ROOT}/guard.py\n"
GUARDS = {
    "access": ("WSGIAccessScript ${ROOT}/guard.py\n", 500),
    "user": (AUTH + "Require valid-user\n", 500),
    "group": (AUTH.replace("wsgi", "file", 1) + "AuthUserFile ${ROOT}/users\nWSGIAuthGroupScript ${ROOT}/guard.py\nRequire wsgi-group staff\n", 500),
    "nobody_of_a_group": (AUTH.replace("wsgi", "file", 1) + "AuthUserFile ${ROOT}/users\nWSGIAuthGroupScript ${ROOT}/guard.py\n"
                          "<RequireAll>\nRequire valid-user\nRequire not wsgi-group other\n</RequireAll>\n", 500),
    "dispatch": ("WSGIDispatchScript ${ROOT}/guard.py\n", 500),
}


@pytest.mark.parametrize("guard", GUARDS)
def test_panic_while_a_client_is_judged(faulty, serve, mode, guard):
    """Whatever breaks, nobody gets in by it."""
    conf, status = GUARDS[guard]
    server = serve(f"WSGIScriptAlias / ${{APPS}}/hello.py\n<Location />\n{conf}</Location>\n", mode, env={"MOD_WSGI_FAULT": "auth-panic"},
                   files={"guard.py": GUARD, "users": "joe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"})
    joe = access.basic("joe", "secret")
    assert server.get("/", joe).body == b"Hello, world!"
    assert server.get("/", {**joe, "X-Fault": "auth-panic"}).status == status
    server.wait_for_log("fault point `auth-panic`")
    assert server.get("/", joe).body == b"Hello, world!"
