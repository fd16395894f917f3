"""WSGIAccessScript, in the httpd child and in a process group: every result, the environ, reloading, Satisfy."""

import ssl

import pytest
from support import access, processes
from support.access import location
from support.http import Connection
from support.load import Load
from support.server import free_port

pytestmark = pytest.mark.ours  # process-group= on these directives, the cases that mod_wsgi lets pass, and words of the log

# What allow_access does, and what the client gets. `None` leaves it to other rules, which grant here.
RESULTS = {
    "allows": ("def allow_access(environ, host): return True", 200),
    "no_opinion": ("def allow_access(environ, host): return None", 200),
    "denies": ("def allow_access(environ, host): return False", 403),
    "one": ("def allow_access(environ, host): return 1", 403),
    "text": ("def allow_access(environ, host): return 'yes'", 403),
    "raises": ("def allow_access(environ, host): raise KeyError(host)", 403),
    "exits": ("def allow_access(environ, host): raise SystemExit(0)", 403),
    "wrong_arguments": ("def allow_access(environ): return True", 403),
    "not_callable": ("allow_access = True", 403),
    "no_function": ("def check_password(environ, user, password): return True", 403),
    "no_module": ("import no_such_module_at_all\ndef allow_access(environ, host): return True", 403),
    "no_syntax": ("def allow_access(environ, host) return True", 403),
    "ends_at_import": ("raise SystemExit", 403),
    "missing": (None, 403),
}


@pytest.fixture(params=access.PLACES)
def place(request):
    """Where scripts run."""
    return request.param


@pytest.fixture
def guard(serve, place):
    """Starts a server; `{here}` in the configuration is what makes a script run in the place at hand."""

    def start(conf, files=None, before="", **settings):
        lines, option = access.PLACES[place]
        server = serve(before + lines + conf.replace("{here}", option), files=files, **settings)
        access.add_page(server)
        return server

    return start


def test_results(guard):
    conf = "".join(location(f"/{name}.html", f"WSGIAccessScript ${{ROOT}}/{name}.py{{here}}") for name in RESULTS)
    server = guard(conf, {f"{name}.py": text for name, (text, _) in RESULTS.items() if text is not None})
    for name in RESULTS:
        access.add_page(server, f"{name}.html")
    for _ in range(2):  # a failed load leaves nothing behind that would grant
        found = {name: server.get(f"/{name}.html").status for name in RESULTS}
        assert found == {name: status for name, (_, status) in RESULTS.items()}
    log = server.log()
    assert "KeyError exception raised processing WSGI script" in log and ", in allow_access()" in log
    assert "SystemExit exception raised by WSGI script" in log
    assert "has no function allow_access" in log
    assert "allow_access() returned an object of type int; it must return True, False or None" in log
    assert "ModuleNotFoundError exception raised processing WSGI script" in log
    assert "SyntaxError exception raised processing WSGI script" in log
    assert f"client denied by server configuration: {server.root}/htdocs/denies.html (by the access script {server.root}/denies.py)" in log
    assert "htdocs/allows.html" not in log


def test_environ(guard, place):
    server = guard(
        "SetEnv FROM_SETENV x\nMergeSlashes Off\n"
        + location("/", "WSGIAccessScript ${ROOT}/guard.py{here} application-group=own", "CGIPassAuth On"),
        {"guard.py": access.RECORD + "def allow_access(environ, host):\n    asked(environ, host)\n    return True\n"})
    access.add_page(server, "sub/page.html")
    headers = {"Authorization": "Basic YTpi", "Proxy-Authorization": "Basic YTpi", "Proxy": "http://evil", "X-One": "1",
               "X_Two": "2", "Content-Type": "text/x"}
    assert server.request("POST", "/sub//page.html/a//b?q=%20", headers, b"body").status in (200, 404, 405)
    environ, words = access.asked_of(server)
    assert words == ["127.0.0.1"]
    expected = {
        "HTTP_X_ONE": "1", "CONTENT_TYPE": "text/x", "CONTENT_LENGTH": "4", "SERVER_NAME": "127.0.0.1",
        "SERVER_ADDR": "127.0.0.1", "SERVER_PORT": str(server.port), "REMOTE_ADDR": "127.0.0.1",
        "DOCUMENT_ROOT": f"{server.root}/htdocs", "SERVER_ADMIN": "admin@example.com", "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": "POST", "QUERY_STRING": "q=%20", "REQUEST_URI": "/sub//page.html/a//b?q=%20",
        "SCRIPT_NAME": "/sub//page.html", "PATH_INFO": "/a/b", "mod_wsgi.application_group": "own",
        "mod_wsgi.process_group": access.GROUP if place == "group" else "", "mod_wsgi.version": [6, 1, 1],
    }
    assert {key: environ[key] for key in expected} == expected
    assert len(environ["apache.version"]) == 3 and environ["SERVER_SOFTWARE"].startswith("Apache")
    further = {"HTTP_HOST", "SERVER_SIGNATURE", "SERVER_SOFTWARE", "REMOTE_PORT", "apache.version", "wsgi.errors",
               "mod_ssl.is_https", "mod_ssl.var_lookup"}
    assert set(environ) == set(expected) | further


def test_host_is_the_name_if_httpd_looks_it_up(guard):
    server = guard(
        "HostnameLookups On\n" + location("/", "WSGIAccessScript ${ROOT}/guard.py{here}"),
        {"guard.py": access.RECORD + "def allow_access(environ, host):\n    asked(environ, host)\n    return True\n"})
    assert server.get("/page.html").status == 200
    environ, (host,) = access.asked_of(server)
    assert environ.get("REMOTE_HOST", environ["REMOTE_ADDR"]) == host
    assert host == "localhost" or "REMOTE_HOST" not in environ  # as this machine's resolver has it


LATE = """
kept = []
def allow_access(environ, host):
    errors = environ["wsgi.errors"]
    print("named", errors.name, file=errors)
    for ask in ("is_https", "var_lookup"):
        for call in [lambda: environ["mod_ssl." + ask](*([b"HTTPS"] if ask == "var_lookup" else []))]:
            print(ask, "now", repr(call()), file=errors)
            for late in kept:
                try:
                    print(ask, "late", late[ask](), file=errors)
                except Exception as error:
                    print(ask, "late", type(error).__name__, file=errors)
    for wrong in (1, None):
        try:
            environ["mod_ssl.var_lookup"](wrong)
        except TypeError as error:
            print("TypeError", error, file=errors)
    kept.append({"is_https": environ["mod_ssl.is_https"], "var_lookup": lambda: environ["mod_ssl.var_lookup"]("HTTPS")})
    return True
"""


def test_questions_to_mod_ssl(guard):
    server = guard(location("/", "WSGIAccessScript ${ROOT}/guard.py{here}"), {"guard.py": LATE})
    assert server.get("/page.html").status == 200
    since = server.mark()
    assert server.get("/page.html").status == 200
    log = server.log(since)
    assert "named <log>" in log
    assert "is_https now 0" in log and "var_lookup now None" in log  # mod_ssl is not loaded
    assert "is_https late RuntimeError" in log and "var_lookup late RuntimeError" in log
    assert log.count("TypeError var_lookup(name) needs str or bytes") == 2


TLS = """
def allow_access(environ, host):
    ask = environ["mod_ssl.var_lookup"]
    values = [environ["mod_ssl.is_https"](), ask("HTTPS"), ask(b"SSL_SERVER_S_DN_CN"), ask("SSL_NO_SUCH"), len(ask("SSL_SERVER_CERT"))]
    print("tls", values, file=environ["wsgi.errors"])
    return values[0] == 1
"""


def test_tls(guard):
    conf = """
Listen 127.0.0.1:{tls}
<VirtualHost 127.0.0.1:{tls}>
    SSLEngine On
    SSLCertificateFile ${{ROOT}}/cert.pem
    SSLCertificateKeyFile ${{ROOT}}/key.pem
</VirtualHost>
"""
    tls = free_port()
    server = guard(conf.format(tls=tls) + location("/", "WSGIAccessScript ${ROOT}/guard.py{here}"), {"guard.py": TLS},
                   modules=("ssl", "socache_shmcb"), run=False)
    access.certificate(server.root)
    server.start()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with Connection(tls, wrap=lambda raw: context.wrap_socket(raw, server_hostname="localhost")) as client:
        assert client.request("GET", "/page.html").status == 200
    found = server.wait_for_log(r"tls \[1, 'on', 'localhost', '', (\d+)\]")
    assert int(found[1]) > 500
    assert server.get("/page.html").status == 403
    server.wait_for_log(r"tls \[0, 'off', ")


def test_reload_in_place(guard, place):
    text = "import os\ndef allow_access(environ, host):\n    print('runs in', os.getpid())\n    return {}\n"
    server = guard(
        location("/", "WSGIAccessScript ${ROOT}/guard.py{here}")
        + location("/fixed.html", "WSGIAccessScript ${ROOT}/fixed.py{here}", "WSGIScriptReloading Off"),
        {"guard.py": text.format(False), "fixed.py": text.format(True)})
    access.add_page(server, "fixed.html")

    def pid():
        return server.wait_for_log(r"runs in (\d+)", since)[1]

    since = server.mark()
    assert server.get("/page.html").status == 403
    before = pid()
    assert server.get("/fixed.html").status == 200
    server.write("guard.py", text.format(True))
    server.write("fixed.py", text.format(False))
    since = server.mark()
    assert server.get("/page.html").status == 200
    assert pid() == before, "the process was replaced"
    server.wait_for_log(rf"Reloading WSGI script '{server.root}/guard.py'", since)
    assert server.get("/fixed.html").status == 200
    server.write("guard.py", "def broken(")
    assert server.get("/page.html").status == 403
    server.write("guard.py", text.format(True))
    assert server.get("/page.html").status == 200


def test_a_script_that_is_an_application_of_the_group_too(serve):
    text = ("import os\ndef allow_access(environ, host): return True\n"
            "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{} %d' % os.getpid()]\n")
    server = serve(
        "WSGIDaemonProcess guard threads=2\nWSGIScriptAlias /app ${ROOT}/both.py process-group=guard application-group=%{GLOBAL}\n"
        + location("/app", "WSGIAccessScript ${ROOT}/both.py process-group=guard"), files={"both.py": text.format("old")})
    first = server.get("/app")
    assert first.status == 200 and first.text.startswith("old")
    server.write("both.py", text.format("new"))
    second = server.get("/app")
    assert second.status == 200 and second.text.startswith("new")
    assert second.text.split()[1] != first.text.split()[1], "an application is replaced with its process"


def test_satisfy(guard):
    auth = ("AuthType Basic", "AuthName x", "AuthBasicProvider file", "AuthUserFile ${ROOT}/users", "Require valid-user")
    script = "WSGIAccessScript ${ROOT}/guard.py{here}"
    server = guard(location("/any.html", *auth, script, "Satisfy Any") + location("/all.html", *auth, script, "Satisfy All"),
                   {"guard.py": "def allow_access(environ, host):\n    return None if 'HTTP_X_UNSURE' in environ else 'HTTP_X_INSIDE' in environ",
                    "users": "joe:{SHA}" + "5en6G6MezRroT3XKqkdPOmY/BfQ=" + "\n"}, modules=("access_compat",))  # "secret"
    for name in ("any.html", "all.html"):
        access.add_page(server, name)
    inside, joe = {"X-Inside": "1"}, access.basic("joe", "secret")
    assert server.get("/any.html").status == 401
    assert server.get("/any.html", joe).status == 200
    assert server.get("/any.html", access.basic("joe", "wrong")).status == 401
    assert server.get("/any.html", inside).status == 200
    assert server.get("/any.html", {"X-Unsure": "1"}).status == 200  # httpd: nobody has refused
    assert "client denied by server configuration" not in server.log()
    assert server.get("/all.html", joe).status == 403
    assert server.get("/all.html", inside).status == 401
    assert server.get("/all.html", {**inside, **joe}).status == 200
    assert "client denied by server configuration" in server.log()


def test_htaccess(guard, place):
    server = guard("<Directory ${ROOT}/htdocs/one>\n    AllowOverride AuthConfig\n</Directory>\n"
                   "<Directory ${ROOT}/htdocs/two>\n    AllowOverride FileInfo\n</Directory>\n",
                   {"guard.py": "def allow_access(environ, host): return 'HTTP_X_INSIDE' in environ"})
    option = access.PLACES[place][1]
    for folder in ("one", "two"):
        access.add_page(server, f"{folder}/page.html")
        server.write(f"htdocs/{folder}/.htaccess", f"WSGIAccessScript {server.root}/guard.py{option}\n")
    assert server.get("/one/page.html").status == 403
    assert server.get("/one/page.html", {"X-Inside": "1"}).status == 200
    assert server.get("/two/page.html", {"X-Inside": "1"}).status == 500
    assert "not allowed here" in server.log()
    server.write("htdocs/one/.htaccess", f"WSGIAccessScript {server.root}/guard.py process-grope=x\n")
    assert server.get("/one/page.html").status == 500


def mapped(server):
    """Whether each httpd child has libpython mapped."""
    return [any("libpython" in file for file in processes.maps(pid)) for pid in server.httpd_children()]


def test_no_python_in_children(guard, place):
    server = guard(
        location("/", "WSGIAccessScript ${ROOT}/guard.py{here}", "AuthType Basic", "AuthName x", "AuthBasicProvider wsgi",
                 "WSGIAuthUserScript ${ROOT}/guard.py{here}", "WSGIAuthGroupScript ${ROOT}/guard.py{here}",
                 "Require wsgi-group staff"),
        {"guard.py": "def allow_access(environ, host): return True\ndef check_password(environ, user, password): return True\n"
                     "def groups_for_user(environ, user): return ['staff']\n"})
    assert not any(mapped(server))
    for _ in range(3):
        assert server.get("/page.html", access.basic("a", "b")).status == 200
    assert any(mapped(server)) == (place == "child")


def test_restrict_embedded_is_for_applications(serve):
    server = serve("WSGIRestrictEmbedded On\nWSGIScriptAlias /app ${ROOT}/app.py\n"
                   + location("/", "WSGIAccessScript ${ROOT}/guard.py"),
                   files={"guard.py": "def allow_access(environ, host): return 'HTTP_X_INSIDE' in environ", "app.py": ""})
    access.add_page(server)
    assert server.get("/page.html").status == 403
    assert server.get("/page.html", {"X-Inside": "1"}).status == 200
    assert server.get("/app", {"X-Inside": "1"}).status == 500


def test_htaccess_brings_no_python_where_it_is_restricted(serve):
    server = serve("WSGIRestrictEmbedded On\n<Directory ${ROOT}/htdocs>\n    AllowOverride AuthConfig\n</Directory>\n",
                   files={"guard.py": "def allow_access(environ, host): return True"})
    access.add_page(server)
    server.write("htdocs/.htaccess", f"WSGIAccessScript {server.root}/guard.py\n")
    assert server.get("/page.html").status == 500
    assert "a script in .htaccess alone does not change that" in server.log()
    assert not any(mapped(server))


def test_no_python_refuses(serve):
    server = serve("WSGIPythonLibrary /no/such/libpython.so\n" + location("/", "WSGIAccessScript ${ROOT}/guard.py"),
                   files={"guard.py": "def allow_access(environ, host): return True"})
    access.add_page(server)
    assert server.get("/page.html").status == 500
    assert "process-group= on the script's directive would run it in a process group" in server.log()


CAPSULE = """
import ctypes
pointer = ctypes.pythonapi.PyCapsule_GetPointer
pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
kept = []
def note(environ):
    capsule = environ.get("apache.request_rec")
    if capsule is None:
        return "none"
    late = ""
    for old in kept:
        try:
            late = " dangling %r" % pointer(old, None)
        except ValueError:
            late = " expired"
    kept[:] = [capsule]
    return type(capsule).__name__ + (" valid" if pointer(capsule, None) else " null") + late
def allow_access(environ, host):
    print("access:", note(environ))
    return True
def application(environ, start_response):
    start_response("200 OK", [])
    return [note(environ).encode()]
"""


def test_request_rec(guard, place):
    server = guard("WSGIScriptAlias /app ${ROOT}/app.py\nWSGIScriptAlias /other ${ROOT}/app.py\n<Location />\nWSGIPassApacheRequest On\n</Location>\n"
                   "<Location /other>\nWSGIPassApacheRequest Off\n</Location>\n"
                   + location("/page.html", "WSGIAccessScript ${ROOT}/guard.py{here}"), {"guard.py": CAPSULE, "app.py": CAPSULE})
    assert server.get("/app").text == "PyCapsule valid"
    assert server.get("/app").text == "PyCapsule valid expired"
    assert server.get("/other").text == "none"
    for _ in range(2):
        assert server.get("/page.html").status == 200
    expected = "access: PyCapsule valid expired" if place == "child" else "access: none"
    assert expected in server.log()


def test_restricted_group(serve):
    server = serve("WSGIDaemonProcess guard\nWSGIDaemonProcess other\n"
                   + location("/one.html", "WSGIRestrictProcess other", "WSGIAccessScript ${ROOT}/guard.py process-group=guard")
                   + location("/two.html", "WSGIRestrictProcess GUARD", "WSGIAccessScript ${ROOT}/guard.py process-group=guard")
                   + location("/three.html", "WSGIRestrictProcess", "WSGIAccessScript ${ROOT}/guard.py"),
                   files={"guard.py": "def allow_access(environ, host): return True"})
    for name in ("one", "two", "three"):
        access.add_page(server, f"{name}.html")
    assert [server.get(f"/{name}.html").status for name in ("one", "two", "three")] == [500, 200, 200]
    assert "is not listed in WSGIRestrictProcess here" in server.log()


def test_groups_by_name_of_the_server(serve):
    server = serve("WSGIDaemonProcess localhost:${PORT}\n"
                   + location("/", "WSGIAccessScript ${ROOT}/guard.py process-group=%{SERVER} application-group=%{SERVER}"),
                   files={"guard.py": access.RECORD + "def allow_access(environ, host):\n    asked(environ)\n    return True\n"})
    access.add_page(server)
    assert server.get("/page.html").status == 200
    environ, _ = access.asked_of(server)
    name = f"localhost:{server.port}"
    assert (environ["mod_wsgi.process_group"], environ["mod_wsgi.application_group"]) == (name, name)


@pytest.mark.parametrize("mpm", ["prefork", "worker"])
def test_other_mpms_and_restarts(guard, mpm):
    server = guard(location("/page.html", "WSGIAccessScript ${ROOT}/guard.py{here}")
                   + location("/other.html", "AuthType Basic", "AuthName x", "AuthBasicProvider wsgi", "Require wsgi-group staff",
                              "WSGIAuthUserScript ${ROOT}/guard.py{here}", "WSGIAuthGroupScript ${ROOT}/guard.py{here}"),
                   {"guard.py": "def allow_access(environ, host): return 'HTTP_X_INSIDE' in environ\n"
                    "def check_password(environ, user, password): return password == 'secret'\n"
                    "def groups_for_user(environ, user): return [user]\n"}, mpm=mpm)
    access.add_page(server, "other.html")

    def statuses():
        return [server.get("/page.html").status, server.get("/page.html", {"X-Inside": "1"}).status,
                *(server.get("/other.html", access.basic(*who)).status for who in (("staff", "secret"), ("staff", "x"), ("joe", "secret")))]

    assert statuses() == [403, 200, 200, 401, 401]
    server.graceful()
    assert statuses() == [403, 200, 200, 401, 401]
    server.restart()
    assert statuses() == [403, 200, 200, 401, 401]


def test_many_at_once(guard):
    """Checks and responses of one child side by side, over kept connections."""
    server = guard(location("/", "WSGIAccessScript ${ROOT}/guard.py{here}"),
                   {"guard.py": "def allow_access(environ, host):\n    environ['mod_ssl.var_lookup']('HTTPS')\n    return True\n"})
    with Load(server, "/page.html", b"the page", clients=8, keep=True) as load:
        processes.wait_until(lambda: load.count > 400, 60)
    load.assert_clean(400)
