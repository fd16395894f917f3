"""mod_wsgi-express: every option shows its effect, in a running server where it can be seen there, else in httpd.conf."""

import gzip
import json
import os
import re
import socket
import subprocess
import time
from urllib.parse import unquote_to_bytes

import pytest
from support import processes
from support.access import basic
from support.express import Express
from support.http2 import Http2
from support.processes import wait_until

pytestmark = pytest.mark.ours


def told(response):
    """What the application says."""
    assert response.status == 200, (response.status, response.body[:300])
    return json.loads(response.body)


def daemon_line(express):
    """The options of the process group."""
    line = re.search(r"^WSGIDaemonProcess (?!\"?service).*$", express.conf(), re.M)[0]
    return dict(re.findall(r' ([a-z-]+)=("[^"]*"|\S+)', line))


# The application


def test_callable_object_and_entry_point(express):
    express.write("other.py", "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'of app']\n")
    express.start("wsgi.py", "--entry-point", "other.py", "--callable-object", "app")
    assert express.get().text == "of app"


def test_module(express):
    express.write("package/__init__.py", "")
    express.write("package/web.py", (express.folder / "wsgi.py").read_text())
    express.write("more/needed.py", "VALUE = 1\n")
    express.write("more/wsgi.py", "import needed\nfrom package.web import application\n")
    express.start("package.web", "--application-type", "module")
    assert told(express.get())["name"] == "package.web"


def test_python_path_and_working_directory(express):
    express.write("more/needed.py", "VALUE = 'of more'\n")
    express.write("work/here.py", "VALUE = 'of work'\n")
    express.write("wsgi.py", "import here, needed, os\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
                  "    return [f'{here.VALUE} {needed.VALUE} {os.getcwd()}'.encode()]\n")
    express.start("wsgi.py", "--python-path", "more", "--working-directory", "work")
    assert express.get().text == f"of work of more {express.folder}/work"


def test_paste(express, packages):
    express.write("site.ini", "[app:main]\npaste.app_factory = made:factory\nword = from paste\n")
    express.write("made.py", "def factory(settings, word):\n    def application(environ, start_response):\n"
                  "        start_response('200 OK', [])\n        return [word.encode()]\n    return application\n")
    express.start("site.ini", "--application-type", "paste", "--python-path", packages)
    assert express.get().text == "from paste"


def test_static(express):
    express.write("pages/index.html", "the index")
    express.write("pages/page.html", "a page")
    express.start("pages", "--application-type", "static")
    assert express.get("/").text == "the index" and express.get("/page.html").text == "a page"
    assert express.get("/none").status == 404
    assert "wsgi" not in re.sub(r"mod_wsgi|wsgi-", "", express.conf().split("# Modules")[1].split("# The server")[0])


@pytest.mark.parametrize("mount", ["/app", "app/", "/a/b"])
def test_mount_point(express, mount):
    express.start("wsgi.py", "--mount-point", mount)
    prefix = "/" + mount.strip("/")
    for path in ("", "/", "/page", "/page/more"):
        said = told(express.get(prefix + path))
        assert (said["SCRIPT_NAME"], said["PATH_INFO"]) == (prefix, path)
    assert express.get("/other").status == 404 and express.get(prefix + "lication").status == 404


@pytest.mark.parametrize("path", ["/", "/a", "/a/", "/a/b/c", "/a%20b/%C3%BC", "/a;x=1", "//a//b", "/index.html", "/.x"])
def test_the_path_of_a_request(express, path):
    express.start("wsgi.py")
    said = told(express.get(path))
    assert said["SCRIPT_NAME"] == ""
    assert said["PATH_INFO"].replace("//", "/").encode("latin-1") == re.sub(b"//", b"/", unquote_to_bytes(path))


def test_environment_of_the_application(express):
    express.start("wsgi.py", "--setenv", "OWN_A", "a b", "--passenv", "OWN_B", "--locale", "C.UTF-8", "--server-alias", "*.example.com",
                  "--server-name", "example.com", "--allow-localhost", "--reload-on-changes", OWN_B="passed")
    said = told(express.request("GET", "/", host="www.example.com"))
    assert (said["OWN_A"], said["OWN_B"]) == ("a b", "passed")
    env = said["env"]
    assert (env["LANG"], env["LC_ALL"]) == ("C.UTF-8", "C.UTF-8")
    assert env["MOD_WSGI_EXPRESS"] == "true" and env["MOD_WSGI_RELOADER_ENABLED"] == "true"
    assert (env["MOD_WSGI_SERVER_NAME"], env["MOD_WSGI_SERVER_ALIASES"]) == ("example.com", "*.example.com")
    assert env["MOD_WSGI_SERVER_ROOT"] == str(express.root) and env["MOD_WSGI_HTTP_PORT"] == str(express.port)
    assert "MOD_WSGI_DEBUG_MODE" not in env


def test_groups(express):
    express.start("wsgi.py", "--process-group", "my site", "--application-group", "inner")
    said = told(express.get())
    assert (said["mod_wsgi.process_group"], said["mod_wsgi.application_group"]) == ("my site", "inner")
    assert "(wsgi:my site)" in processes.command(said["pid"])


def test_python_warnings(express):
    express.write("wsgi.py", "import warnings\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
                  "    try:\n        warnings.warn('x', DeprecationWarning)\n    except DeprecationWarning:\n        return [b'raised']\n"
                  "    return [b'not raised']\n")
    express.start("wsgi.py", "--python-warnings", "error::DeprecationWarning")
    assert express.get().text == "raised"


def test_add_handler(express):
    express.write("pages/a.own", "text of a")
    express.write("handler.py", "def handle_request(environ, start_response):\n    start_response('200 OK', [])\n"
                  "    with open(environ['SCRIPT_FILENAME'], 'rb') as file:\n        return [b'handled ' + file.read()]\n")
    express.start("wsgi.py", "--document-root", "pages", "--add-handler", ".own", "handler.py")
    assert express.get("/a.own").text == "handled text of a"
    assert told(express.get("/b.own"))["PATH_INFO"] == "/b.own"


# Processes


def test_processes_and_threads(express):
    express.start("wsgi.py", "--processes", "2", "--threads", "3", "--log-level", "wsgi:info")
    said = told(express.get())
    assert said["wsgi.multiprocess"] is True
    options = daemon_line(express)
    assert (options["processes"], options["threads"]) == ("2", "3")
    group = f"(wsgi:localhost:{express.port}:"
    wait_until(lambda: sum(group in processes.command(pid) for pid in express.processes()) >= 2, 10)


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]], ids=["daemon", "embedded"])
def test_mpm(express, mpm, mode):
    express.start("wsgi.py", "--server-mpm", mpm, *mode)
    said = told(express.get("/page"))
    assert said["PATH_INFO"] == "/page"
    assert said["mod_wsgi.process_group"] == ("" if mode else f"localhost:{express.port}")
    assert f"mpm_{mpm}_module" in express.conf()
    limit = {("event", False): 2, ("worker", False): 2, ("prefork", False): 20, ("prefork", True): 5}.get((mpm, bool(mode)), 1)
    assert f"ServerLimit {limit}\n" in express.conf()


def test_embedded_mode(express):
    """maximum-requests counts there, too."""
    express.start("wsgi.py", "--embedded-mode", "--maximum-requests", "7", "--python-path", "/nothing", "--switch-interval", "0.01")
    said = told(express.get())
    assert "/nothing" in said["path"] and str(express.folder) in said["path"]
    for line in ("MaxConnectionsPerChild 7", "WSGISwitchInterval 0.01", "WSGIRestrictEmbedded Off"):
        assert f"{line}\n" in express.conf()
    assert "WSGIDaemonProcess" not in express.conf() and "MaxConnectionsPerChild 0" not in express.conf()


LIMITS = {"request-timeout": "11", "interrupt-timeout": "12", "startup-timeout": "13", "shutdown-timeout": "14", "graceful-timeout": "16",
          "eviction-timeout": "17", "deadlock-timeout": "18", "inactivity-timeout": "19", "restart-interval": "20",
          "cpu-time-limit": "21", "connect-timeout": "22", "queue-timeout": "23", "socket-timeout": "24",
          "response-socket-timeout": "25", "maximum-requests": "26", "send-buffer-size": "8192", "receive-buffer-size": "8193",
          "header-buffer-size": "16384", "response-flush-delay": "6", "switch-interval": "0.02"}


@pytest.mark.parametrize("processes", [[], ["--processes", "1"]], ids=["one", "given"])
def test_limits_reach_the_process_group(express, processes):
    """The same with and without --processes; httpd has accepted them."""
    result = express.setup("wsgi.py", "--daemon-backlog", "27", "--server-metrics", *processes,
                           *(word for name, value in LIMITS.items() for word in (f"--{name}", value)))
    assert result.returncode == 0, result.stderr
    found = daemon_line(express)
    assert {name: found.get(name) for name in LIMITS} == LIMITS
    assert found["listen-backlog"] == "27" and found["server-metrics"] == "On" and "Timeout 24\n" in express.conf()
    for line in ("Request Timeout    : 11 (seconds)", "Interrupt Timeout  : 12 (seconds)", "Queue Backlog      : 27 (connections)"):
        assert line in result.stdout


def test_request_timeout(express):
    express.write("wsgi.py", "import time\ndef application(environ, start_response):\n    while True:\n        time.sleep(0.1)\n")
    express.start("wsgi.py", "--request-timeout", "1", "--threads", "1", "--interrupt-timeout", "5")
    assert express.get().status == 504


def test_sizes_of_requests(express):
    express.start("wsgi.py", "--limit-request-body", "10", "--chunked-request")
    assert express.request("POST", "/", body=b"x" * 10).status == 200
    assert express.request("POST", "/", body=b"x" * 11).status == 413
    assert express.request("POST", "/", body=b"x", chunked=True).status == 200


def test_defaults_of_requests(express):
    """No chunked bodies, Authorization is passed, and no filter makes GET of HEAD."""
    express.start("wsgi.py")
    assert express.request("POST", "/", body=b"x", chunked=True).status == 411
    assert told(express.get(headers=basic("user", "word")))["HTTP_AUTHORIZATION"] == basic("user", "word")["Authorization"]
    assert "LimitRequestBody 10485760\n" in express.conf() and "WSGIMapHEADToGET Auto\n" in express.conf()


@pytest.mark.parametrize("options, lines", [
    (["--keep-alive-timeout", "0"], ["KeepAlive Off"]), (["--keep-alive-timeout", "7"], ["KeepAliveTimeout 7"]),
    (["--server-backlog", "8"], ["ListenBacklog 8"]), (["--map-head-to-get", "off"], ["WSGIMapHEADToGET Off"]),
    (["--enable-sendfile"], ["EnableSendfile On"]), (["--orphan-interpreter"], ["WSGIDestroyInterpreter Off"]),
    (["--disable-reloading"], ["WSGIScriptReloading Off"]), (["--error-override"], ["WSGIErrorOverride On"]),
    (["--max-clients", "50"], ["MaxRequestWorkers 64", "ServerLimit 4", "ThreadsPerChild 16"]),
    (["--initial-workers", "1", "--minimum-spare-workers", "0.5", "--maximum-spare-workers", "1"],
     ["StartServers 2", "MinSpareThreads 10", "MaxSpareThreads 20"]),
    (["--header-timeout", "5", "--header-max-timeout", "9", "--header-min-rate", "100", "--body-timeout", "6", "--body-max-timeout", "8",
      "--body-min-rate", "50"], ["RequestReadTimeout header=5-9,MinRate=100 body=6-8,MinRate=50"]),
    (["--header-min-rate", "0", "--body-timeout", "0"], ["RequestReadTimeout header=15 body=0"]),
    (["--ignore-activity", "/health"], ["<Location /health>", "    WSGIIgnoreActivity On"]),
    (["--mime-types", "/dev/null"], ["TypesConfig /dev/null"]), (["--pid-file", "/tmp/x.pid"], ["PidFile /tmp/x.pid"]),
    (["--allow-override", "All"], ["    AllowOverride All"]), (["--trust-proxy", "10.0.0.0/8"], ["WSGITrustedProxies 10.0.0.0/8"]),
    (["--telemetry-service", "unix:/tmp/x", "--telemetry-interval", "2", "--slow-requests", "3", "--telemetry-options=+CaptureUserAgent"],
     ["WSGITelemetryService unix:/tmp/x interval=2", "WSGISlowRequests 3", "WSGITelemetryOptions +CaptureUserAgent"]),
], ids=lambda value: value[0].split("=")[0] if value[0].startswith("--") else "")
def test_one_line_of_configuration(express, options, lines):
    result = express.setup("wsgi.py", *options)
    assert result.returncode == 0, result.stderr
    written = express.conf().splitlines()
    for line in lines:
        assert line in written, express.conf()


def test_host(express):
    express.start("wsgi.py", "--host", "127.0.0.1", "--server-root", express.folder / "root")
    assert told(express.get())["mod_wsgi.process_group"] == f"127.0.0.1:{express.port}"
    assert f"Server URL         : http://127.0.0.1:{express.port}/" in express.out.read_text()
    assert express.setup("wsgi.py", "--host", "::1", "--server-root", express.folder / "six").returncode == 0
    assert f'Listen "[::1]:{express.port}"' in (express.folder / "six" / "httpd.conf").read_text()


# Names


def test_server_name(express):
    express.start("wsgi.py", "--server-name", "www.example.com", "--server-alias", "*.example.org")
    assert express.request("GET", "/", host="www.example.com").status == 200
    assert express.request("GET", "/", host="any.example.org").status == 200
    assert express.request("GET", "/", host="example.net").status == 403 and express.get().status == 403
    bare = express.request("GET", "/page?a", host="example.com")
    assert (bare.status, bare.header("Location")) == (301, f"http://www.example.com:{express.port}/page?a")


def test_allow_localhost(express):
    express.start("wsgi.py", "--server-name", "example.com", "--allow-localhost")
    assert express.get().status == 200


# Files


def test_files_come_before_the_application(express):
    express.write("files/page.html", "a file")
    express.write("files/folder/inner.txt", "inner")
    express.start("wsgi.py", "--document-root", "files")
    assert express.get("/page.html").text == "a file" and express.get("/page.html").header("Content-Type") == "text/html"
    for path in ("/", "/folder", "/folder/", "/page.htm"):
        assert told(express.get(path))["PATH_INFO"] == path


def test_directory_index_and_listing(express):
    express.write("files/index.txt", "the index")
    express.write("files/folder/inner.txt", "inner")
    express.start("wsgi.py", "--document-root", "files", "--directory-index", "index.txt", "--directory-listing")
    assert express.get("/").text == "the index"
    assert "inner.txt" in express.get("/folder/").text
    assert told(express.get("/none"))["PATH_INFO"] == "/none"


def test_url_alias(express):
    """The longest URL first, whatever the order; a file, and slashes that do not matter."""
    express.write("static/a.txt", "static a")
    express.write("deep/b.txt", "deep b")
    express.write("icon.png", "the icon")
    express.write("secret.txt", "secret")
    express.start("wsgi.py", "--url-alias", "/static/", "static", "--url-alias", "/static/deep", "deep/", "--url-alias", "/favicon.ico",
                  "icon.png")
    assert express.get("/static/a.txt").text == "static a" and express.get("/static/deep/b.txt").text == "deep b"
    assert express.get("/favicon.ico").text == "the icon"
    assert express.get("/static/none").status == 404
    assert told(express.get("/secret.txt"))["PATH_INFO"] == "/secret.txt"


def test_errors(express):
    express.write("files/gone.html", "httpd's page")
    express.write("wsgi.py", "def application(environ, start_response):\n    start_response('410 Gone', [('Content-Length', '3')])\n"
                  "    return [b'app']\n")
    express.start("wsgi.py", "--document-root", "files", "--error-document", "410", "/gone.html", "--error-override")
    answer = express.get("/x")
    assert (answer.status, answer.text) == (410, "httpd's page")


def test_compress_responses(express):
    express.write("wsgi.py", "def application(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/html')])\n"
                  "    return [b'x' * 10000]\n")
    express.start("wsgi.py", "--compress-responses")
    answer = express.get(headers=[("Accept-Encoding", "gzip")])
    assert answer.header("Content-Encoding") == "gzip" and gzip.decompress(answer.body) == b"x" * 10000


def test_cgi(express):
    express.write("files/a.cgi", "#!/bin/sh\necho Content-Type: text/plain\necho\necho from cgi\n", mode=0o755)
    express.start("wsgi.py", "--document-root", "files", "--with-cgi")
    assert express.get("/a.cgi").text == "from cgi\n"


def test_rewrite_rules_and_include_file(express):
    rules = express.write("rules", "RewriteRule ^old$ /new [R=302,L]\n")
    one = express.write("one.conf", "Header set X-One 1\nHeader set X-Both one\n")
    two = express.write("two.conf", "Header set X-Both two\n")
    express.start("wsgi.py", "--rewrite-rules", rules, "--include-file", one, "--include-file", two)
    assert express.get("/old").status == 302
    answer = express.get("/")
    assert (answer.header("X-One"), answer.header("X-Both")) == ("1", "two")


def test_envvars_script(express):
    script = express.write("own envvars", "OWN_VALUE=x; export OWN_VALUE\n")
    express.start("wsgi.py", "--envvars-script", script, "--passenv", "OWN_VALUE")
    assert told(express.get())["OWN_VALUE"] == "x"
    assert (express.root / "envvars").read_text().startswith(". ")


# Proxies


def test_behind_a_proxy(express):
    express.start("wsgi.py", "--trust-proxy", "127.0.0.1", "--trust-proxy-header", "X-Forwarded-For", "--trust-proxy-header",
                  "X-Forwarded-Proto", "--trust-proxy-header", "X-Script-Name", "--mount-point", "/app")
    said = told(express.get("/app/page/more", [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")]))
    assert (said["REMOTE_ADDR"], said["wsgi.url_scheme"]) == ("192.0.2.1", "https")
    assert (said["SCRIPT_NAME"], said["PATH_INFO"]) == ("/app", "/page/more")
    said = told(express.get("/app/page/more", [("X-Script-Name", "/outer")]))
    assert (said["SCRIPT_NAME"], said["PATH_INFO"]) == ("/outer", "/page/more")


def test_proxy_mount_point(express, request):
    """The server behind is another one of ours."""
    behind = Express(express.user)
    request.addfinalizer(behind.discard)
    behind.write("wsgi.py", "import json\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
                 "    return [json.dumps({k: v for k, v in environ.items() if isinstance(v, str)}).encode()]\n")
    behind.start("wsgi.py")
    express.start("wsgi.py", "--proxy-mount-point", "/api", f"http://127.0.0.1:{behind.port}/inner", "--proxy-timeout", "30",
                  "--proxy-virtual-host", "other.example.com", f"http://127.0.0.1:{behind.port}")
    said = json.loads(express.get("/api/page?x=1").body)
    assert (said["PATH_INFO"], said["QUERY_STRING"]) == ("/inner/page", "x=1")
    assert (said["HTTP_X_FORWARDED_PORT"], said["HTTP_X_FORWARDED_SCHEME"], said["HTTP_X_FORWARDED_PREFIX"]) == (
        str(express.port), "http", "/api")
    answer = express.get("/api")
    assert (answer.status, answer.header("Location").endswith("/api/")) == (302, True)
    assert told(express.get("/apiary"))["PATH_INFO"] == "/apiary"
    assert json.loads(express.request("GET", "/whole", host="other.example.com").body)["PATH_INFO"] == "/whole"
    assert told(express.get("/whole"))["PATH_INFO"] == "/whole"
    behind.stop()


# Access


def test_access_scripts(express):
    express.write("auth.py", "def check_password(environ, user, password):\n    return password == 'word'\n"
                  "def groups_for_user(environ, user):\n    return ['staff'] if user == 'anna' else []\n"
                  "def allow_access(environ, host):\n    return environ['REQUEST_URI'] != '/closed'\n")
    express.start("wsgi.py", "--auth-user-script", "auth.py", "--auth-group-script", "auth.py", "--auth-group", "staff",
                  "--host-access-script", "auth.py")
    answer = express.get()
    assert answer.status == 401 and f'Basic realm="localhost:{express.port}"' in answer.header("WWW-Authenticate")
    assert told(express.get(headers=basic("anna", "word")))["REMOTE_USER"] == "anna"
    assert express.get(headers=basic("anna", "wrong")).status == 401
    assert express.get(headers=basic("bert", "word")).status in (401, 403)
    assert express.get("/closed", basic("anna", "word")).status == 403


# Identity


@pytest.mark.root
def test_user_and_group(express):
    if express.user != "root":
        pytest.skip("about root")
    express.start("wsgi.py", "--user", "#1", "--group", "www-data")
    said = told(express.get())
    assert (said["uid"], said["gid"]) == (1, 33)
    express.stop()
    express.launch([express.root / "apachectl", "start", "-DFOREGROUND"], MOD_WSGI_USER="www-data")
    assert told(express.get())["uid"] == 33


# Logs


def test_log_to_terminal(express):
    express.write("wsgi.py", "import sys\ndef application(environ, start_response):\n    print('a word', file=environ['wsgi.errors'])\n"
                  "    start_response('200 OK', [])\n    return [b'']\n")
    express.start("wsgi.py", "--log-to-terminal", "--access-log")
    express.get("/logged")
    wait_until(lambda: "a word" in express.out.read_text() and '"GET /logged HTTP/1.1" 200' in express.out.read_text(), 10)
    assert not (express.root / "error_log").exists()


def test_logs_in_a_folder(express):
    folder = express.folder / "logs"
    folder.mkdir()
    if express.identity():
        os.chown(folder, express.identity()["user"], -1)
    express.start("wsgi.py", "--log-directory", folder, "--log-to-terminal", "--access-log", "--access-log-format", "own %U",
                  "--access-log-name", "requests", "--error-log-name", "errors", "--error-log-format", "own %M", "--log-level",
                  "info wsgi:debug", "--startup-log", "--startup-log-name", "began")
    express.get("/page")
    wait_until(lambda: (folder / "requests").read_text() == "own /page\n", 10)
    assert "\nown " in (folder / "errors").read_text() and "AH00489" not in express.out.read_text()
    assert (folder / "began").exists() and "LogLevel info wsgi:debug\n" in express.conf()


@pytest.mark.parametrize("name, line", [("common", '"%r" %>s %b'), ("combined", "%{Referer}i")])
def test_access_log_formats(express, name, line):
    assert express.setup("wsgi.py", "--access-log", "--access-log-format", name).returncode == 0
    assert line.replace('"', '\\"') in express.conf()


def test_rotated_logs(express):
    express.start("wsgi.py", "--rotate-logs", "--access-log", "--max-log-size", "3")
    express.get("/page")
    wait_until(lambda: any("/page" in path.read_text() for path in express.root.glob("access_log.20*")), 10)
    assert list(express.root.glob("error_log.20*")) and "%Y-%m-%d-%H_%M_%S 3M" in express.conf()


def test_where_standard_streams_are_sockets(express):
    """Under systemd /dev/stderr cannot be opened: a program copies the lines."""
    ours, theirs = socket.socketpair()
    child = subprocess.Popen(express.arguments("start-server", ["wsgi.py", "--log-to-terminal", "--access-log"]), stdin=subprocess.DEVNULL,
                             stdout=theirs, stderr=theirs, cwd=express.folder, env=express.environment(), start_new_session=True,
                             **express.identity())
    theirs.close()
    express.process = child
    wait_until(lambda: child.poll() is not None or express.is_bound(), 30, "the server to listen")
    express.get("/logged")
    said, ours_until = b"", time.monotonic() + 10
    ours.settimeout(10)
    while b"GET /logged" not in said or b"resuming normal operations" not in said:
        assert time.monotonic() < ours_until, said
        said += ours.recv(65536)
    ours.close()


# Services, status, debugging


def test_services(express):
    express.write("service.py", "import os, sys, time\nprint('a service', os.getuid(), os.getcwd(), file=sys.stderr, flush=True)\n"
                  "while True:\n    time.sleep(1)\n")
    express.start("wsgi.py", "--service-script", "one", "service.py", "--service-script", "two", "service.py", "--service-log-file",
                  "two", "two_log", *(["--service-user", "one", "daemon"] if express.user == "root" else []))
    uid = 1 if express.user == "root" else told(express.get())["uid"]
    wait_until(lambda: f"a service {uid} {express.folder}" in (express.root / "error_log").read_text(), 20)
    wait_until(lambda: "a service" in (express.root / "two_log").read_text(), 20)
    names = [processes.command(pid) for pid in express.processes()]
    assert any("(wsgi:service:one)" in name for name in names) and any("(wsgi:service:two)" in name for name in names)


def test_server_status_and_metrics(express):
    express.write("wsgi.py", "import mod_wsgi\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
                  "    return [repr(mod_wsgi.server_metrics() is None).encode()]\n")
    express.start("wsgi.py", "--server-status", "--server-metrics")
    assert "Total Accesses" in express.get("/server-status?auto").text
    assert express.get("/").text == "False"
    assert "Total Accesses" in express.run(express.root / "apachectl", "status").stdout


def test_http2(express):
    express.start("wsgi.py", "--http2")
    assert told(Http2(express.port).request("GET", "/page"))["PATH_INFO"] == "/page"


def test_debug_mode(express):
    """One process that is the application, too."""
    express.start("wsgi.py", "--debug-mode")
    said = told(express.get())
    assert said["pid"] == express.process.pid and said["env"]["MOD_WSGI_DEBUG_MODE"] == "true"
    assert "Operating Mode     : debug" in express.out.read_text()


def test_legacy_options_are_accepted_with_a_note(express):
    result = express.setup("wsgi.py", "--python-eggs", "/tmp", "--with-newrelic", "--newrelic-config-file", "x", "--socket-prefix", "/tmp/x",
                           "--verbose-debugging", "--enable-docs", "--response-buffer-size", "1", "--ssl-port", "1", "--ssl-certificate", "x")
    for option in ("--python-eggs", "--with-newrelic", "--newrelic-config-file", "--socket-prefix", "--verbose-debugging", "--enable-docs",
                   "--response-buffer-size"):
        assert f"{option} has no effect: " in result.stderr
    assert "the certificate is" in result.stderr  # --ssl-port is --https-port


def test_options_may_be_abbreviated_and_repeated(express):
    """As in the original: the beginning of a name will do, and the last of several counts."""
    assert express.setup("wsgi.py", "--processe", "3", "--processes", "2").returncode == 0
    assert daemon_line(express)["processes"] == "2"
