"""mod_wsgi-express: from a script to an answer, as root and as an ordinary user, and that stopping leaves nothing."""

import json
import os
import pty
import pwd
import re
import shutil
import signal
import subprocess
import sys

import pytest
from support import httpd, processes
from support.express import program
from support.processes import wait_until

pytestmark = pytest.mark.ours


def told(response):
    """What the application says."""
    assert response.status == 200, (response.status, response.body[:300])
    return json.loads(response.body)


def test_from_a_script_to_an_answer(express):
    express.start("wsgi.py")
    said = told(express.get("/some/page?a=b"))
    assert (said["SCRIPT_NAME"], said["PATH_INFO"], said["QUERY_STRING"]) == ("", "/some/page", "a=b")
    assert said["uid"] == pwd.getpwnam("www-data" if express.user == "root" else express.user).pw_uid
    assert said["cwd"] == str(express.folder) and said["path"][0] == str(express.folder) and said["name"] == "__wsgi__"
    assert said["wsgi.multiprocess"] is False and said["mod_wsgi.application_group"] == ""
    assert said["mod_wsgi.process_group"] == f"localhost:{express.port}"
    out = express.out.read_text()
    for line in (f"Server URL         : http://localhost:{express.port}/", f"Server Root        : {express.root}",
                 "Operating Mode     : daemon", "Request Capacity   : 5 (1 process * 5 threads)",
                 "Server Capacity    : 20 (event/worker), 20 (prefork)"):
        assert line in out
    express.stop()
    assert express.process.returncode == 0
    assert not (express.root / "httpd.pid").exists()


def test_again_in_the_same_place(express):
    """What the administrator may edit stays, everything else is written anew."""
    assert express.setup("wsgi.py").returncode == 0
    (express.root / "rewrite.conf").write_text("RewriteRule ^gone$ - [G]\n")
    (express.root / "envvars").write_text("export OWN_VARIABLE='of envvars'\n")
    (express.root / "httpd.conf").write_text("Nonsense\n")
    express.start("wsgi.py", "--passenv", "OWN_VARIABLE")
    assert express.get("/gone").status == 410
    assert told(express.get())["OWN_VARIABLE"] == "of envvars"


def test_without_a_script_there_is_a_welcome_page(express):
    express.start()
    page = express.get("/")
    assert page.status == 200 and "mod_wsgi-express start-server" in page.text


def test_the_control_script(express):
    """setup-server starts nothing; apachectl of the server root does the rest."""
    result = express.setup("wsgi.py")
    assert result.returncode == 0, result.stderr
    control = express.root / "apachectl"
    assert f"Control Script     : {control}\n" in result.stdout
    assert not express.is_bound() and not express.processes()
    assert express.run(control, "configtest").returncode == 0
    assert express.run(control, "start").returncode == 0
    wait_until(express.is_bound, 20, "the server to listen")
    first = told(express.get())["pid"]
    assert express.run(control, "graceful").returncode == 0
    wait_until(lambda: told(express.get())["pid"] != first, 20, "another process")
    assert express.run(control, "restart").returncode == 0
    log = express.root / "error_log"
    wait_until(lambda: log.read_text().count("resuming normal operations") >= 3, 20, "the restart")
    assert told(express.get())["pid"]
    assert express.run(control, "stop").returncode == 0
    express.stop()


def test_the_control_script_alone_starts_nothing(express):
    assert express.setup("wsgi.py").returncode == 0
    assert "Usage:" in express.run(express.root / "apachectl").stderr
    assert not express.is_bound() and not express.processes()


def test_making_a_server_runs_nothing_of_the_working_directory(express):
    """It may be root who makes it."""
    for name in ("json", "locale", "sysconfig", "importlib/__init__"):
        express.write(f"{name}.py", "open('ran', 'w').close()\nraise SystemExit('run')\n")
    result = express.setup("--application-type", "module", "wsgi")
    assert result.returncode == 0, result.stderr
    assert not (express.folder / "ran").exists()


def test_it_becomes_httpd_where_there_is_no_terminal(express):
    """As in a container: the process that was started is httpd's parent, and its status is httpd's."""
    express.start("wsgi.py")
    assert processes.name(express.process.pid) == os.path.basename(httpd.program())
    assert processes.command(express.process.pid).startswith("httpd (mod_wsgi-express)")
    assert told(express.get())["pid"]  # from now on it takes signals
    (express.root / "httpd.conf").write_text("Nonsense\n")
    os.kill(express.process.pid, signal.SIGHUP)
    assert express.process.wait(20) == 1


def test_with_a_terminal_it_stays_in_front(express):
    """Resizing the window (WINCH) does not stop httpd; Ctrl-C (INT) does, and the status is httpd's."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(express.arguments("start-server", ["wsgi.py"]), stdin=theirs, stdout=theirs, stderr=theirs,
                             cwd=express.folder, env=express.environment(), start_new_session=True, **express.identity())
    os.close(theirs)
    express.process = child
    wait_until(lambda: child.poll() is not None or express.is_bound(), 30, "the server to listen")
    assert processes.name(child.pid).startswith("mod_wsgi-expre")
    os.kill(child.pid, signal.SIGWINCH)
    assert told(express.get())["pid"]
    assert child.poll() is None and express.is_bound()
    os.kill(child.pid, signal.SIGINT)
    assert child.wait(20) == 0
    os.close(ours)
    express.stop()


@pytest.mark.parametrize("form", [["$OWN_PORT"], ["${OWN_PORT}"]], ids=["plain", "braces"])
def test_variables_in_arguments(express, form):
    """An exec-form command of a container has no shell."""
    result = express.setup("${OWN_SCRIPT}", "--port", *form, OWN_PORT=str(express.port), OWN_SCRIPT="wsgi.py")
    assert result.returncode == 0, result.stderr
    assert f"Listen {express.port}\n" in express.conf()


# The module for a system's own httpd


def test_module_location_and_module_config(express):
    module = str(httpd.module())
    assert express.run(program(), "module-location").stdout == f"{module}\n"
    lines = express.run(program(), "module-config").stdout
    assert lines == f"LoadModule wsgi_module {module}\nWSGIPythonHome /usr\n"
    assert express.run(program(), "module-config", "more").returncode == 2


def test_install_module(express):
    target = express.folder / "modules"
    target.mkdir()
    if express.identity():
        os.chown(target, express.identity()["user"], -1)
    result = express.run(program(), "install-module", "--modules-directory", target)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"LoadModule wsgi_module {target}/mod_wsgi.so\nWSGIPythonHome /usr\n"
    assert {path.name for path in target.iterdir()} == set(httpd.PARTS)
    result = express.run(program(), "install-module", "--modules-directory", express.folder / "none")
    assert result.returncode == 1 and f"{express.folder}/none/mod_wsgi.so could not be written" in result.stderr


def test_the_command_alone_finds_the_installed_module(express):
    """As after `make install`: the module is where apxs says, and must be this one, with all its parts."""
    place = express.folder / "modules"
    place.mkdir()
    for path in httpd.modules().glob("mod_*.so"):
        (place / path.name).symlink_to(path)
    (place / "mod_wsgi.so").unlink(missing_ok=True)
    shutil.copy(program(), express.folder / "alone")
    apxs = express.write("apxs", f"#!/bin/sh\n[ $2 = LIBEXECDIR ] && echo {place} || exec {os.environ.get('APXS') or shutil.which('apxs') or shutil.which('apxs2')} \"$@\"\n", mode=0o755)

    def located():
        return express.run(express.folder / "alone", "module-location", APXS=str(apxs))

    assert located().returncode == 1 and f"neither beside this command, nor in ../lib/mod_wsgi, nor in {place}: install it" in located().stderr
    (place / "mod_wsgi.so").write_bytes(b"")
    assert located().returncode == 1 and "it is not this project's mod_wsgi.so" in located().stderr
    (place / "mod_wsgi.so").unlink()
    for part in httpd.PARTS:
        (place / part).symlink_to(httpd.module().parent / part)
    assert located().stdout == f"{place}/mod_wsgi.so\n"
    line = express.arguments("start-server", ["wsgi.py", "--module", httpd.module()])
    express.launch([express.folder / "alone", *line[1:]], APXS=str(apxs))
    assert express.process.poll() is None, express.output()
    assert told(express.get())["pid"]


def test_the_environment_names_python(express):
    """The active virtual environment is used, and --python-home comes before it."""
    active = express.folder / "active"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(active)], check=True)
    assert express.setup("wsgi.py", VIRTUAL_ENV=str(active)).returncode == 0
    assert f"WSGIPythonHome {active}\n" in express.conf()
    assert express.setup("wsgi.py", "--python-home", "/usr", VIRTUAL_ENV=str(active)).returncode == 0
    assert "WSGIPythonHome /usr\n" in express.conf()


# What can go wrong


@pytest.mark.parametrize("options, message", [
    (["none.py"], "the WSGI script .*/none.py does not exist"),
    (["nothing.here", "--application-type", "module"], "there is no module `nothing.here`"),
    (["wsgi.py", "--https-port", "8443"], "--https-port needs a certificate"),
    (["wsgi.py", "--ssl-certificate", "x"], "--ssl-certificate needs --https-port"),
    (["wsgi.py", "--https-only"], "--https-only needs --https-port"),
    (["wsgi.py", "--server-alias", "x"], "--server-alias needs --server-name"),
    (["wsgi.py", "--document-root", "none"], "--document-root is .*/none, which does not exist"),
    (["wsgi.py", "--include-file", "none"], "--include-file is .*/none, which does not exist"),
    (["wsgi.py", "--python-path", "a:b"], "must not have a colon"),
    (["wsgi.py", "--python-home", "none"], "there is no python3 in .*none/bin"),
    (["wsgi.py", "--httpd-executable", "none"], "httpd's program with --httpd-executable"),
    (["wsgi.py", "--module", "none/mod_wsgi.so"], "mod_wsgi.so is neither beside"),
    (["wsgi.py", "--setenv", "A", "b\nc"], "contains a line break"),
    (["wsgi.py", "--service-user", "x", "daemon"], "there is no --service-script x"),
    (["wsgi.py", "--free-threading"], "has a global lock"),
    (["wsgi.py", "--trust-proxy-header", "X-Forwarded-Fro"], "(?s)httpd refuses its configuration.*X-Forwarded-For"),
    (["wsgi.py", "--with-php5"], "--with-php5 is not here: run PHP by php-fpm"),
    (["wsgi.py", "--enable-telemetry"], "--telemetry-service"),
])
def test_refused(express, options, message):
    result = express.setup(*options)
    assert result.returncode == 1 and re.search(message, result.stderr), result.stderr


@pytest.mark.parametrize("options, message", [
    (["--request-timeuot", "5"], "'--request-timeout'"),
    (["--application-type", "modul"], "'module'"),
    (["--server-mpm", "prefrok"], "'prefork'"),
    (["--port", "99999"], "99999"),
    (["--threads", "many"], "invalid value 'many'"),
    (["--initial-workers", "2"], "from 0 to 1"),
])
def test_misspelt(express, options, message):
    """The right spelling is in the message, and the status is that of a usage error."""
    result = express.setup("wsgi.py", *options)
    assert result.returncode == 2 and message in result.stderr, result.stderr


def test_unknown_command(express):
    for line, said in (([], "start-server"), (["start-sever"], "'start-server'")):
        result = express.run(program(), *line)
        assert result.returncode == 2 and said in result.stderr, result.stderr


def test_port_in_use(express):
    express.start("wsgi.py")
    result = express.run(*express.arguments("start-server", ["wsgi.py", "--server-root", "other"]))
    assert result.returncode == 1 and f"port {express.port} is in use" in result.stderr and "--port" in result.stderr


@pytest.mark.root
def test_root_must_name_a_user(express):
    if express.user != "root":
        pytest.skip("about root")
    for line in (["wsgi.py"], ["wsgi.py", "--user", "root"], ["wsgi.py", "--user", "#0"]):
        result = express.run(program(), "setup-server", *line)
        assert result.returncode == 1 and "must not run as root: name another user with --user" in result.stderr
    result = express.run(program(), "setup-server", "wsgi.py", "--user", "nobody-of-that-name")
    assert "there is no user nobody-of-that-name" in result.stderr


def test_the_server_root_must_be_safe(express):
    """Its name can be guessed, and everybody may make it first."""
    express.root.mkdir()
    os.chmod(express.root, 0o777)
    if express.identity():
        os.chown(express.root, express.identity()["user"], -1)
    assert "can be written by others" in express.setup("wsgi.py").stderr
    os.rmdir(express.root)
    elsewhere = express.folder / "elsewhere"
    elsewhere.mkdir()
    express.root.symlink_to(elsewhere)
    assert "is not a folder" in express.setup("wsgi.py").stderr
    express.root.unlink()
    if os.geteuid() == 0:
        express.root.mkdir()
        os.chown(express.root, pwd.getpwnam("nobody").pw_uid, -1)
        assert "belongs to the user with the number" in express.setup("wsgi.py").stderr
        os.rmdir(express.root)
    assert express.setup("wsgi.py").returncode == 0
    mode = express.root.stat().st_mode & 0o777
    assert mode == (0o750 if express.user == "root" else 0o700)


def test_an_application_that_cannot_be_loaded(express):
    express.write("wsgi.py", "def app(environ, start_response):\n    pass\n")
    express.start("wsgi.py")
    assert express.get().status in (500, 503)
    log = express.root / "error_log"
    wait_until(lambda: re.search(r"wsgi.py has no application; it has app: choose with --callable-object", log.read_text()), 10)
