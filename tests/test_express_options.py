"""mod_wsgi-express: options of application, processes, limits and logs show their effect, in a running server where it can
be seen there, else in httpd.conf. test_express_content.py has names, files, proxies and access.
"""

import json
import os
import pty
import re
import select
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote_to_bytes

import pytest
from support import processes
from support.access import basic
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


def test_the_status_page_is_of_the_whole_server(express):
    result = express.setup("wsgi.py", "--mount-point", "/app", "--server-status")
    page = f"http://localhost:{express.port}/server-status"
    assert f"Server Status      : {page}\n" in result.stdout
    assert f"STATUS_URL='{page}'\n" in (express.root / "apachectl").read_text()


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
    program = express.write("a rotatelogs", "#!/bin/sh\nexec rotatelogs \"$@\"\n", mode=0o755)
    express.start("wsgi.py", "--rotate-logs", "--access-log", "--max-log-size", "3", "--rotatelogs-executable", program)
    wait_until(lambda: any("a rotatelogs" in processes.command(pid) or "rotatelogs" == processes.name(pid) for pid in express.processes()),
               10, "the program to run")
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
    express.write("service.py", "import os, sys, time\nprint('a service', os.getuid(), os.getgid(), os.getcwd(), file=sys.stderr, flush=True)\n"
                  "while True:\n    time.sleep(1)\n")
    express.start("wsgi.py", "--service-script", "one", "service.py", "--service-script", "two", "service.py", "--service-log-file",
                  "two", "two_log", "--service-user", "one", "daemon", "--service-group", "one", "www-data")
    said = told(express.get())
    identity = (1, 33) if express.user == "root" else (said["uid"], said["gid"])  # both options are for root
    wait_until(lambda: "a service {} {} {}".format(*identity, express.folder) in (express.root / "error_log").read_text(), 20)
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


def test_debugger(express):
    """It opens on the terminal when the application is there, and where an exception is not caught; then the request ends."""
    express.write("wsgi.py", "def application(environ, start_response):\n    secret = 6 * 7\n    raise RuntimeError('broken here')\n")
    ours, theirs = pty.openpty()
    line = express.arguments("start-server", ["wsgi.py", "--debug-mode", "--enable-debugger", "--debugger-startup"])
    express.process = subprocess.Popen(["setsid", "--ctty", *line], stdin=theirs, stdout=theirs, stderr=theirs, cwd=express.folder,
                                       env=express.environment(), **express.identity())
    os.close(theirs)
    with os.fdopen(ours, "rb+", buffering=0) as terminal, ThreadPoolExecutor(1) as pool:
        until(terminal, b"(Pdb)")
        terminal.write(b"continue\n")
        wait_until(express.is_bound, 20, "the server to listen")
        answer = pool.submit(express.get)
        assert b"broken here" in until(terminal, b"(Pdb)")
        terminal.write(b"p secret\n")
        assert b"42" in until(terminal, b"(Pdb)")
        terminal.write(b"quit\n")
        assert answer.result(30).status == 500
        express.stop()


def until(terminal, wanted):
    """What a terminal shows up to a text."""
    said, end = b"", time.monotonic() + 30
    while wanted not in said:
        assert time.monotonic() < end and select.select([terminal], [], [], 30)[0], said
        said += terminal.read(4096)
    return said


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
