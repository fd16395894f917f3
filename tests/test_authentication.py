"""WSGIAuthUserScript, in the httpd child and in a process group: Basic and Digest, every result, several providers."""

import json

import pytest
from support import access
from support.access import basic, digest, location, realm_hash

pytestmark = pytest.mark.ours  # process-group= on these directives, and words of the log

APP = """
import json
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    names = ("REMOTE_USER", "AUTH_TYPE", "HTTP_AUTHORIZATION")
    return [json.dumps({name: environ.get(name) for name in names}).encode()]
"""
BASIC = ("AuthType Basic", "AuthName realm", "Require valid-user")
DIGEST = ("AuthType Digest", "AuthName realm", "Require valid-user")

# What check_password does: the status, and the user that the application sees.
RESULTS = {
    "grants": ("def check_password(environ, user, password): return True", 200, "joe"),
    "denies": ("def check_password(environ, user, password): return False", 401, None),
    "unknown": ("def check_password(environ, user, password): return None", 401, None),
    "renames": ("def check_password(environ, user, password): return 'other'", 200, "other"),
    "renames_unicode": ("def check_password(environ, user, password): return 'Jörg 😀'", 200, "Jörg 😀".encode().decode("latin-1")),
    "empty": ("def check_password(environ, user, password): return ''", 500, None),
    "one": ("def check_password(environ, user, password): return 1", 500, None),
    "bytes": ("def check_password(environ, user, password): return b'joe'", 500, None),
    "list": ("def check_password(environ, user, password): return [True]", 500, None),
    "nul": ("def check_password(environ, user, password): return 'admin\\0joe'", 500, None),
    "surrogate": ("def check_password(environ, user, password): return '\\ud800'", 500, None),
    "raises": ("def check_password(environ, user, password): raise ValueError('no')", 500, None),
    "exits": ("def check_password(environ, user, password): raise SystemExit(0)", 500, None),
    "wrong_arguments": ("def check_password(user, password): return True", 500, None),
    "no_function": ("def allow_access(environ, host): return True", 500, None),
    "no_module": ("import no_such_module_at_all\ndef check_password(environ, user, password): return True", 500, None),
    "missing": (None, 500, None),
}


@pytest.fixture(params=access.PLACES)
def place(request):
    """Where scripts run."""
    return request.param


@pytest.fixture
def guard(serve, place):
    """Starts a server with an application at /app; `{here}` makes a script run in the place at hand."""

    def start(conf, files=None, **settings):
        lines, option = access.PLACES[place]
        conf = lines + "WSGIDaemonProcess app\nWSGIProcessGroup app\nWSGIScriptAlias /app ${ROOT}/app.py\n" + conf.replace("{here}", option)
        return serve(conf, files={"app.py": APP, **(files or {})}, modules=("auth_digest", *settings.pop("modules", ())), **settings)

    return start


def user_of(response):
    """The user that the application saw; None if it was not asked."""
    return json.loads(response.body)["REMOTE_USER"] if response.status == 200 else None


def test_basic_results(guard):
    conf = "".join(location(f"/app/{name}", *BASIC, "AuthBasicProvider wsgi", f"WSGIAuthUserScript ${{ROOT}}/{name}.py{{here}}")
                   for name in RESULTS)
    server = guard(conf, {f"{name}.py": text for name, (text, _, _) in RESULTS.items() if text is not None})
    for _ in range(2):
        found = {name: server.get(f"/app/{name}", basic("joe", "secret")) for name in RESULTS}
        assert {name: (response.status, user_of(response)) for name, response in found.items()} == {
            name: (status, user) for name, (_, status, user) in RESULTS.items()}
    seen = json.loads(found["grants"].body)
    assert seen == {"REMOTE_USER": "joe", "AUTH_TYPE": "Basic", "HTTP_AUTHORIZATION": None}
    challenge = server.get("/app/grants")
    assert challenge.status == 401 and challenge.header("WWW-Authenticate") == 'Basic realm="realm"'
    log = server.log()
    assert "ValueError exception raised processing WSGI script" in log and ", in check_password()" in log
    assert "check_password() returned an object of type int; it must return True, False, None or a user name" in log
    assert "check_password() returned an empty str" in log and "a str with a NUL character in it" in log
    assert "UnicodeEncodeError exception raised" in log


SECRETS = access.RECORD + """
def check_password(environ, user, password):
    asked(environ, user, password)
    return password == "geh\\xe4im:x"
"""


def test_what_the_script_gets(guard):
    server = guard(location("/app", *BASIC, "AuthBasicProvider wsgi", "CGIPassAuth On", "WSGIAuthUserScript ${ROOT}/user.py{here}"),
                   {"user.py": SECRETS})
    assert server.get("/app", basic("J\xf6rg", "geh\xe4im:x")).status == 200
    environ, words = access.asked_of(server)
    assert words == ["J\xf6rg", "geh\xe4im:x"]
    assert not {"HTTP_AUTHORIZATION", "REMOTE_USER", "AUTH_TYPE"} & set(environ)
    assert server.get("/app", basic("J\xf6rg", "wrong")).status == 401
    assert "geh" not in server.log() and "wrong" not in server.log()


def test_without_a_script(guard):
    server = guard(location("/app", *BASIC, "AuthBasicProvider wsgi"))
    assert server.get("/app", basic("joe", "secret")).status == 500
    assert "the authentication provider `wsgi` has no script here: add WSGIAuthUserScript" in server.log()


# "secret" for mod_authn_file
FILE = {"users": "filed:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"}
SCRIPTED = """
def check_password(environ, user, password):
    if user == "broken":
        raise ValueError(user)
    return password == "secret" if user in ("scripted", "filed") else None
"""


def test_several_providers(guard):
    common = ("AuthUserFile ${ROOT}/users", "WSGIAuthUserScript ${ROOT}/user.py{here}")
    server = guard(
        location("/app/a", *BASIC, *common, "AuthBasicProvider file wsgi")
        + location("/app/b", *BASIC, *common, "AuthBasicProvider wsgi file")
        + location("/app/c", *BASIC, *common, "AuthBasicProvider wsgi", "AuthBasicAuthoritative Off"),
        {"user.py": SCRIPTED, **FILE})
    asked = [(user, password) for user in ("filed", "scripted", "nobody") for password in ("secret", "wrong")]
    for path in ("/app/a", "/app/b"):
        assert [server.get(path, basic(*who)).status for who in asked] == [200, 401, 200, 401, 401, 401]
        assert server.get(path, basic("broken", "secret")).status == 500
    assert server.get("/app/c", basic("scripted", "secret")).status == 200
    assert server.get("/app/c", basic("scripted", "wrong")).status == 401
    assert server.get("/app/c", basic("nobody", "secret")).status in (401, 500)
    assert server.get("/app/c", basic("broken", "secret")).status in (401, 500)


def test_a_script_that_fails_hides_no_provider(guard):
    """An error ends the list: the next provider is not asked in its place."""
    server = guard(location("/app", *BASIC, "AuthUserFile ${ROOT}/users", "WSGIAuthUserScript ${ROOT}/user.py{here}",
                            "AuthBasicProvider wsgi file"),
                   {"user.py": "def check_password(environ, user, password): return 0", **FILE})
    assert server.get("/app", basic("filed", "secret")).status == 500


def test_alias_providers(guard):
    server = guard(
        "<AuthnProviderAlias wsgi one>\n    WSGIAuthUserScript ${ROOT}/one.py{here}\n</AuthnProviderAlias>\n"
        "<AuthnProviderAlias wsgi two>\n    WSGIAuthUserScript ${ROOT}/two.py{here} application-group=two\n</AuthnProviderAlias>\n"
        + location("/app", *BASIC, "AuthBasicProvider one two"),
        {name + ".py": f"def check_password(environ, user, password):\n    return True if user == '{name}' else None\n"
         for name in ("one", "two")})
    assert [user_of(server.get("/app", basic(user, "x"))) for user in ("one", "two", "three")] == ["one", "two", None]


# What get_realm_hash does.
HASH = repr(realm_hash("joe", "realm", "secret"))
REALM_RESULTS = {
    "text": (f"def get_realm_hash(environ, user, realm): return {HASH}", 200),
    "bytes": (f"def get_realm_hash(environ, user, realm): return {HASH}.encode()", 200),
    "other": ("def get_realm_hash(environ, user, realm): return '0' * 32", 401),
    "unknown": ("def get_realm_hash(environ, user, realm): return None", 401),
    "empty": ("def get_realm_hash(environ, user, realm): return ''", 500),
    "empty_bytes": ("def get_realm_hash(environ, user, realm): return b''", 500),
    "true": ("def get_realm_hash(environ, user, realm): return True", 500),
    "false": ("def get_realm_hash(environ, user, realm): return False", 500),
    "number": ("def get_realm_hash(environ, user, realm): return 7", 500),
    "wide": ("def get_realm_hash(environ, user, realm): return '\\u20ac'", 500),
    "raises": ("def get_realm_hash(environ, user, realm): raise KeyError(user)", 500),
    "no_function": ("def check_password(environ, user, password): return True", 500),
    "missing": (None, 500),
}


def test_digest_results(guard):
    conf = "".join(location(f"/app/{name}", *DIGEST, "AuthDigestProvider wsgi", f"WSGIAuthUserScript ${{ROOT}}/{name}.py{{here}}")
                   for name in REALM_RESULTS)
    server = guard(conf, {f"{name}.py": text for name, (text, _) in REALM_RESULTS.items() if text is not None})
    found = {name: digest(server, f"/app/{name}", "joe", "secret") for name in REALM_RESULTS}
    assert {name: response.status for name, response in found.items()} == {
        name: status for name, (_, status) in REALM_RESULTS.items()}
    assert json.loads(found["text"].body) == {"REMOTE_USER": "joe", "AUTH_TYPE": "Digest", "HTTP_AUTHORIZATION": None}
    assert digest(server, "/app/text", "joe", "wrong").status == 401
    assert "get_realm_hash() returned an object of type bool" in server.log()


def test_digest_gets_user_and_realm(guard):
    server = guard(location("/app", "AuthType Digest", 'AuthName "A realm"', "Require valid-user", "AuthDigestProvider wsgi",
                            "WSGIAuthUserScript ${ROOT}/user.py{here}"),
                   {"user.py": access.RECORD + "from hashlib import md5\ndef get_realm_hash(environ, user, realm):\n"
                    "    asked(environ, user, realm)\n    return md5(f'{user}:{realm}:secret'.encode()).hexdigest()\n"})
    assert digest(server, "/app", "joe", "secret").status == 200
    environ, words = access.asked_of(server)
    assert words == ["joe", "A realm"] and "HTTP_AUTHORIZATION" not in environ


def test_basic_by_hash(guard):
    """mod_auth_basic asks for the hash that Digest needs, too."""
    server = guard(location("/app", *BASIC, "AuthBasicProvider wsgi", "AuthBasicUseDigestAlgorithm MD5",
                            "WSGIAuthUserScript ${ROOT}/user.py{here}"), {"user.py": REALM_RESULTS["text"][0]})
    assert [server.get("/app", basic("joe", password)).status for password in ("secret", "wrong")] == [200, 401]


def test_require_any(guard):
    """Authentication beside other requirements."""
    rules = ("AuthType Basic", "AuthName realm", "AuthBasicProvider wsgi", "WSGIAuthUserScript ${ROOT}/user.py{here}")
    server = guard(
        location("/app/any", *rules, "<RequireAny>", "Require env INSIDE", "Require user scripted", "</RequireAny>")
        + location("/app/all", *rules, "<RequireAll>", "Require env INSIDE", "Require user scripted", "</RequireAll>")
        + 'SetEnvIf X-Inside 1 INSIDE\n', {"user.py": SCRIPTED})
    inside, known, other = {"X-Inside": "1"}, basic("scripted", "secret"), basic("filed", "secret")
    asked = [{}, inside, known, {**inside, **known}, {**inside, **other}, other]
    assert [server.get("/app/any", headers).status for headers in asked] == [401, 200, 200, 200, 200, 401]
    assert [server.get("/app/all", headers).status for headers in asked] == [403, 401, 403, 200, 401, 403]


def test_htaccess(guard, place):
    server = guard("<Directory ${ROOT}/htdocs/one>\n    AllowOverride AuthConfig\n</Directory>\n", {"user.py": SCRIPTED})
    access.add_page(server, "one/page.html")
    server.write("htdocs/one/.htaccess", "\n".join(
        [*BASIC, "AuthBasicProvider wsgi", f"WSGIAuthUserScript {server.root}/user.py{access.PLACES[place][1]}", ""]))
    assert server.get("/one/page.html").status == 401
    assert server.get("/one/page.html", basic("scripted", "secret")).status == 200


def test_a_lost_process_refuses(serve):
    conf = ("WSGIDaemonProcess guard\n<Location />\n    AuthUserFile ${ROOT}/users\n    AuthBasicProvider wsgi file\n    "
            + "\n    ".join(BASIC) + "\n    WSGIAuthUserScript ${ROOT}/user.py process-group=guard\n</Location>\n")
    server = serve(conf, files={"user.py": "import os\ndef check_password(environ, user, password): os._exit(1)\n", **FILE})
    access.add_page(server)
    assert server.get("/page.html", basic("filed", "secret")).status == 500
    assert "was lost: its process" in server.log()
    assert "exited with status 1" in server.log(name="access.log")  # the note WSGI_ERROR_CAUSE
