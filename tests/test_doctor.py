"""`httpd -t`: each finding provoked for real, and none where nothing is wrong."""

import os
import shutil
import struct
import subprocess
import sys
import time

import pytest
from support import doctor
from support.examples import prepare
from support.processes import wait_until
from support.server import free_port
from test_examples import EXAMPLES, REQUESTS

pytestmark = pytest.mark.ours

GROUP = "WSGIDaemonProcess app {}\nWSGIScriptAlias / ${{ROOT}}/site/wsgi.py process-group=app application-group=%{{GLOBAL}}\n"
APPLICATION = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'here']\n"


@pytest.fixture
def group(serve):
    """A server, not started, with a process group of these options and its script."""

    def make(options="", script=APPLICATION, files=None, more="", **settings):
        files = {} if files is None else files
        return serve(GROUP.format(options) + more, run=False, files={"site/wsgi.py": script, **files}, **settings)

    return make


def environment(server, name="venv", *options):
    """A virtual environment of the default Python."""
    home = server.root / name
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", *options, home], check=True)
    return home


# Nothing is wrong


@pytest.mark.parametrize("name", REQUESTS)
def test_examples_are_healthy(serve, name):
    server = prepare(serve, (EXAMPLES / name).read_text(), free_port() if name == "https.conf" else 0)
    assert doctor.examine(server) == ([], 0)


def test_every_example_is_looked_at():
    assert {path.name for path in EXAMPLES.glob("*.conf")} == set(REQUESTS)


DJANGO = """
WSGIDaemonProcess site processes=2 threads=5 python-path=${ROOT}/project:%s home=${ROOT}/project display-name=%%{GROUP}
WSGIProcessGroup site
WSGIApplicationGroup %%{GLOBAL}
WSGIScriptAlias / ${ROOT}/project/project/wsgi.py
<Directory ${ROOT}/project/project>
    <Files wsgi.py>
        Require all granted
    </Files>
</Directory>
"""
WSGI = '''"""As startproject makes it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

application = get_wsgi_application()
'''


def test_a_django_site_is_healthy(serve, packages):
    files = {"project/manage.py": "", "project/project/__init__.py": "", "project/project/wsgi.py": WSGI,
             "project/project/settings.py": "raise SystemExit('nobody may run this')\n"}
    server = serve(DJANGO % packages, run=False, files=files)
    assert doctor.examine(server) == ([], 0)
    left = [path for path in (server.root / "project").rglob("*") if path.suffix == ".pyc" or path.name == "__pycache__"]
    assert left == [], "nothing is written"


def test_the_layout_of_a_distribution_is_healthy(serve):
    """As Debian's documentation has it: scripts in a folder, a group of a virtual host, and a virtual environment."""
    server = serve("""
WSGIRestrictEmbedded On
<VirtualHost *:${PORT}>
    ServerName site.example.com
    WSGIDaemonProcess site.example.com user=www-data group=www-data python-home=${ROOT}/venv
    WSGIScriptAlias /site ${ROOT}/scripts/site.wsgi
    WSGIScriptAlias /all ${ROOT}/scripts
    <Directory ${ROOT}/scripts>
        WSGIProcessGroup site.example.com
        WSGIApplicationGroup %{GLOBAL}
        Require all granted
    </Directory>
</VirtualHost>
""", run=False, files={"scripts/site.wsgi": APPLICATION})
    environment(server)
    assert doctor.examine(server) == ([], 0)


def test_no_module_is_needed(serve):
    """Without a directive of ours there is nothing to say."""
    assert doctor.examine(serve("", run=False)) == ([], 0)


# Files and folders


@pytest.mark.root
def test_a_closed_folder_above_the_script(group):
    server = group()
    (server.root / "site").chmod(0o700)
    finding = doctor.only(server)
    assert f"user www-data may not enter {server.root}/site (owner 0, group 0, mode 0700)" in finding["what"]
    assert finding["remedy"] == f"give that user access (chmod o+x {server.root}/site)"
    assert (finding["directive"], finding["path"]) == ("WSGIScriptAlias", f"{server.root}/site/wsgi.py")
    (server.root / "site").chmod(0o711)
    assert doctor.examine(server) == ([], 0), "the remedy works"


@pytest.mark.root
def test_an_access_list_lets_somebody_through(group):
    server = group()
    folder = server.root / "site"
    folder.chmod(0o700)
    entries = [(1, 7, 2**32 - 1), (2, 5, 33), (4, 0, 2**32 - 1), (16, 5, 2**32 - 1), (32, 0, 2**32 - 1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(folder, "system.posix_acl_access", acl)
    except OSError as error:
        pytest.skip(f"no access lists here: {error}")
    assert doctor.examine(server) == ([], 0)


@pytest.mark.root
def test_what_a_group_cannot_reach(group):
    """Options that name folders: closed, missing, and a file in the place of a folder."""
    server = group("python-path=${ROOT}/closed:${ROOT}/nothing home=${ROOT}/gone python-eggs=${ROOT}/eggs",
                   files={"closed/x": "", "eggs/x": ""})
    (server.root / "closed").chmod(0o711)
    findings, status = doctor.examine(server)
    told = {finding["path"].rsplit("/", 1)[1]: finding for finding in findings}
    assert status == 0 and set(told) == {"closed", "nothing", "gone", "eggs"} and len(findings) == 4, findings
    assert "may not read" in told["closed"]["what"] and "chmod o+rx" in told["closed"]["remedy"]
    assert "does not exist, so Python finds nothing there" in told["nothing"]["what"]
    assert "so its processes cannot start" in told["gone"]["what"]
    assert "may not write to" in told["eggs"]["what"] and "setfacl -m u:www-data:w" in told["eggs"]["remedy"]


@pytest.mark.root
def test_a_host_library_that_is_closed(group, tmp_path):
    server = group(more="WSGIPythonHost ${ROOT}/closed/mod_wsgi_host.abi3.so\n", files={"closed/mod_wsgi_host.abi3.so": ""})
    (server.root / "closed").chmod(0o700)
    finding = doctor.only(server)
    assert "the host library" in finding["what"] and "processes cannot start" in finding["what"]


@pytest.mark.root
def test_a_root_directory_that_is_none(serve):
    server = serve("WSGIDaemonProcess app chroot=${ROOT}/jail\nWSGIProcessGroup app\n", run=False)
    assert "is no folder, so its processes cannot start" in doctor.only(server)["what"]


@pytest.mark.parametrize("line, words", [
    ("WSGIScriptAlias / ${ROOT}/missing.py process-group=app", "does not exist, so requests for it fail"),
    ("WSGIImportScript ${ROOT}/folder/wsgi.py/x process-group=app application-group=%{GLOBAL}", "is no folder, so it cannot be loaded")])
def test_scripts_that_are_not_there(serve, line, words):
    server = serve(f"WSGIDaemonProcess app\n{line}\n", run=False, files={"folder/wsgi.py": APPLICATION})
    assert words in doctor.only(server)["what"]


def test_a_script_with_the_beginning_of_path_info(serve):
    server = serve("WSGIDaemonProcess app\nWSGIScriptAlias / ${ROOT}/folder/wsgi.py/x process-group=app\n", run=False,
                   files={"folder/wsgi.py": APPLICATION})
    assert doctor.examine(server) == ([], 0)
    assert server.start().get("/y").body == b"here"


def test_a_project_in_the_place_of_its_script(serve):
    server = serve("WSGIDaemonProcess app\nWSGIScriptAlias / ${ROOT}/project process-group=app\n", run=False,
                   files={"project/manage.py": "", "project/site/wsgi.py": APPLICATION})
    finding = doctor.only(server)
    assert "is a folder" in finding["what"] and finding["remedy"].endswith(f"{server.root}/project/site/wsgi.py")


def test_a_path_for_embedded_mode(serve):
    server = serve("WSGIPythonPath ${ROOT}/nothing\n", run=False)
    assert doctor.only(server)["directive"] == "WSGIPythonPath"


# Pythons


def test_a_virtual_environment_whose_python_is_gone(group):
    server = group("python-home=${ROOT}/venv")
    home = environment(server)
    (home / "bin" / "python3").unlink()
    (home / "bin" / "python").unlink()
    (home / "bin" / "python3").symlink_to("/opt/removed/bin/python3.9")
    finding = doctor.only(server, "error")
    assert "has lost its interpreter" in finding["what"] and "/opt/removed/bin/python3.9" in finding["what"]
    assert f"python3 -m venv --clear {home}" in finding["remedy"]


def test_a_virtual_environment_whose_base_is_gone(group):
    server = group("python-home=${ROOT}/venv")
    config = environment(server) / "pyvenv.cfg"
    config.write_text(config.read_text().replace("home = /usr/bin", "home = /opt/removed/bin"))
    findings, _ = doctor.examine(server)
    assert any("was made from a Python in /opt/removed/bin, which is gone" in finding["what"] for finding in findings), findings


def test_a_virtual_environment_after_an_upgrade(group):
    server = group("python-home=${ROOT}/venv")
    home, own = environment(server), "python%d.%d" % sys.version_info[:2]
    (home / "lib" / own).rename(home / "lib" / "python3.9")
    config = home / "pyvenv.cfg"
    config.write_text(config.read_text().replace("version = 3.%d" % sys.version_info[1], "version = 3.9"))
    finding = doctor.only(server)
    assert f"has its packages in {home}/lib/python3.9" in finding["what"] and "does not look there" in finding["what"]


def test_a_virtual_environment_without_packages(group):
    server = group("python-home=${ROOT}/venv")
    shutil.rmtree(environment(server) / "lib")
    assert "no package is found in it" in doctor.only(server)["what"]


def imposter(server, program):
    """A home whose interpreter is a small C program."""
    source = server.write("imposter.c", program)
    (server.root / "home" / "bin").mkdir(parents=True)
    subprocess.run(["gcc", "-o", server.root / "home/bin/python3", source], check=True)


@pytest.mark.parametrize("answer, words", [
    ('{"version": [3, 9, 2], "implementation": "cpython"}', "is Python 3.9.2, which is too old"),
    ('{"version": [3, 11, 2], "implementation": "pypy"}', "is pypy, and only CPython can be used"),
    ('{"version": [3, 14, 0], "implementation": "cpython", "free_threaded": true}', "needs a host library of its own"),
])
def test_interpreters_that_do_not_fit(group, answer, words):
    server = group("python-home=${ROOT}/home")
    quoted = answer.replace('"', '\\"')
    imposter(server, f'#include <stdio.h>\nint main(void) {{ puts("{quoted}"); return 0; }}\n')
    assert words in doctor.only(server)["what"]


def test_a_python_without_its_library(group):
    """What CPython says of it; a copy of the system's own finds its library all the same."""
    server = group("python-home=${ROOT}/home")
    imposter(server, '#include <stdio.h>\nint main(void) { fputs("ModuleNotFoundError: No module named \'encodings\'\\n", stderr); return 1; }\n')
    finding = doctor.only(server)
    assert "does not start" in finding["what"] and "'encodings'" in finding["what"] and "complete Python" in finding["remedy"]


@pytest.mark.parametrize("body, words", [
    ("for (;;);", "was not over within"), ("abort();", "was killed by signal 6"), ("return 3;", "it has said nothing"),
    ('puts("no JSON"); return 0;', "cannot be asked"),
])
def test_interpreters_that_do_not_answer(group, body, words):
    server = group("python-home=${ROOT}/home")
    imposter(server, f"#include <stdio.h>\n#include <stdlib.h>\nint main(void) {{ {body} }}\n")
    started = time.monotonic()
    finding = doctor.only(server)
    assert words in finding["what"] and finding["path"] == f"{server.root}/home/bin/python3"
    assert time.monotonic() - started < 50, "bounded"


def test_a_program_for_another_machine(group):
    server = group("python-home=${ROOT}/home")
    (server.root / "home" / "bin").mkdir(parents=True)
    program = bytearray(open("/proc/self/exe", "rb").read(64))
    program[4] = 3 - program[4]
    python = server.root / "home/bin/python3"
    python.write_bytes(program)
    python.chmod(0o755)
    assert "-bit program, and httpd is a" in doctor.only(server)["what"]


def test_a_home_of_another_version_for_embedded_mode(serve):
    server = serve("WSGIPythonHome ${ROOT}/venv\nWSGIScriptAlias / ${APPS}/hello.py\nWSGIApplicationGroup %{GLOBAL}\n", run=False)
    home = environment(server)
    config = home / "pyvenv.cfg"
    config.write_text(config.read_text().replace("version = 3.%d" % sys.version_info[1], "version = 3.8"))
    findings, _ = doctor.examine(server)
    assert any(finding["directive"] == "WSGIPythonHome" and "embedded mode has Python" in finding["what"] for finding in findings), findings


# Scripts


@pytest.mark.parametrize("script, words", [
    ("def application(:\n", ", line 1, column 17 is not valid Python: SyntaxError: invalid syntax"),
    ("x = 1\nreturn 5\n", ", line 2, column 1 is not valid Python: SyntaxError: 'return' outside function"),
    ("if x:\npass\n", ", line 2, column 1 is not valid Python: IndentationError"),
    (b"\x7fELF\x00\x01", "is not valid Python"),
    (b"caf\xe9 = 1\n", "is not valid Python: SyntaxError"),
    ("app = 1\n", "defines no top-level `application`"),
    ("def f():\n    application = 1\n", "defines no top-level `application`"),
])
def test_scripts_with_mistakes(group, script, words):
    server = group(script=script)
    finding = doctor.only(server)
    assert words in finding["what"], finding
    assert finding["path"] == f"{server.root}/site/wsgi.py" and finding["directive"] == "WSGIScriptAlias"
    assert not list((server.root / "site").glob("__pycache__"))


@pytest.mark.parametrize("script", [
    "application = 1", "import x as application", "from x import application", "from x import *", "class application: pass",
    "async def application(): pass", "try:\n    from a import application\nexcept ImportError:\n    application = None",
    "if True:\n    with x as application:\n        pass", "for application in y: pass", "(x := 1, application := 2)",
    "a = [application] = [1]", "globals()['application'] = 1", "exec(open('x').read())", "def f():\n    global application\n    application = 1\nf()",
    "import sys\nsys.modules[__name__].application = 1", "def __getattr__(name): return 1", "application: object = 1",
    "# -*- coding: latin-1 -*-\napplication = 1",
])
def test_scripts_that_define_what_is_called(group, script):
    assert doctor.examine(group(script=script + "\n")) == ([], 0)


@pytest.mark.parametrize("line, callable_found", [("callable-object=app", True), ("callable-object=other", False)])
def test_other_callables(serve, line, callable_found):
    server = serve(f"WSGIDaemonProcess app\nWSGIScriptAlias / ${{ROOT}}/a.py process-group=app application-group=%{{GLOBAL}} {line}\n", run=False,
                   files={"a.py": "app = 1\n"})
    findings, _ = doctor.examine(server)
    assert (findings == []) is callable_found and all("`other`" in finding["what"] for finding in findings), findings


def test_the_name_that_is_probably_meant(group):
    assert doctor.only(group(script="from flask import Flask\napp = Flask(__name__)\n"))["remedy"].endswith("add callable-object=app")


def test_a_htaccess_may_name_another_callable(group):
    assert doctor.examine(group(script="other = 1\n", files={"site/.htaccess": "WSGICallableObject other\n"})) == ([], 0)


def test_scripts_are_never_run(group):
    server = group(script="open('%s/ran', 'w')\napplication = 1\n" % "/var/tmp")
    assert doctor.examine(server) == ([], 0) and not os.path.exists("/var/tmp/ran")


def test_functions_of_access_scripts(serve):
    server = serve("<Location />\nWSGIAccessScript ${ROOT}/a.py\n</Location>\n", run=False, files={"a.py": "def allowed(): pass\n"})
    assert "defines no top-level `allow_access`" in doctor.only(server)["what"]


def test_a_huge_script_is_bounded(group):
    """Nested so deeply that the compiler gives up, or the interpreter dies: a finding, and an end."""
    findings, status = doctor.examine(group(script="application = " + "(" * 5000 + ")" * 5000 + "\n"))
    assert status == 0 and len(findings) == 1 and findings[0]["severity"] == "warning", findings


# Groups


def test_a_group_that_nothing_uses(serve):
    server = serve("WSGIDaemonProcess lonely\n", run=False)
    finding = doctor.only(server, "hint")
    assert finding["group"] == "lonely" and "nothing uses it" in finding["what"] and "WSGIProcessGroup lonely" in finding["remedy"]
    server.start()
    assert "nothing uses it" in server.log(), "at info"


@pytest.mark.parametrize("line", [
    "WSGIProcessGroup app", "<Location /x>\nWSGIProcessGroup app\n</Location>", "<Files x>\nWSGIProcessGroup app\n</Files>",
    "WSGIProcessGroup %{ENV:X}", "WSGIRestrictProcess app", "WSGIHandlerScript h ${APPS}/hello.py process-group=app",
    "WSGIImportScript ${APPS}/hello.py process-group=app application-group=%{GLOBAL}", "WSGIDispatchScript ${ROOT}/d.py",
    "<VirtualHost *:1>\nServerName a\n<Directory /x>\nWSGIProcessGroup app\n</Directory>\n</VirtualHost>",
    "<If \"true\">\nWSGIProcessGroup app\n</If>",
])
def test_groups_that_may_be_used(serve, line):
    server = serve(f"WSGIDaemonProcess app\n{line}\n", run=False, files={"d.py": "def process_group(environ): return 'app'\n"})
    assert doctor.examine(server) == ([], 0)


def test_names_that_differ_in_letters_only(serve):
    server = serve("WSGIDaemonProcess site\nWSGIProcessGroup site\nWSGIDaemonProcess Site\nWSGIRestrictProcess Site site\n", run=False)
    assert "in other letters" in doctor.only(server)["what"]


def test_a_name_that_two_hosts_have(serve):
    host = "<VirtualHost *:1>\nServerName {0}\nWSGIDaemonProcess same\nWSGIProcessGroup same\n</VirtualHost>\n"
    server = serve(host.format("a") + host.format("b"), run=False)
    findings, status = doctor.examine(server)
    assert status != 0 and any("it is already defined at line" in finding["what"] for finding in findings), findings


def test_a_service_without_a_script(serve):
    server = serve("WSGIDaemonProcess app threads=0\n", run=False)
    assert "WSGIImportScript PATH process-group=app" in doctor.only(server)["remedy"]


def test_requests_for_a_service(serve):
    server = serve("WSGIDaemonProcess app threads=0\nWSGIImportScript ${ROOT}/s.py process-group=app application-group=%{GLOBAL}\n"
                   "WSGIScriptAlias / ${ROOT}/s.py process-group=app\n", run=False, files={"s.py": "application = 1\n"})
    assert "which takes none (threads=0 at line" in doctor.only(server)["what"]


def test_embedded_mode_that_is_forbidden(serve):
    server = serve("WSGIRestrictEmbedded On\nWSGIScriptAlias / ${APPS}/hello.py\n", run=False)
    assert "WSGIRestrictEmbedded is On" in doctor.only(server)["what"]


def test_a_restriction_to_a_group_that_is_not_there(serve):
    server = serve("WSGIDaemonProcess app\nWSGIRestrictProcess app apps\nWSGIProcessGroup app\n", run=False)
    finding = doctor.only(server)
    assert "`apps`, which is not defined" in finding["what"] and "did you mean `app`" in finding["remedy"]


def test_extensions_in_a_sub_interpreter(serve):
    """Only a hint, and only where the packages are the application's own."""
    lines = "WSGIDaemonProcess app python-path=${{ROOT}}/packages\nWSGIScriptAlias / ${{ROOT}}/a.py process-group=app application-group={}\n"
    files = {"a.py": APPLICATION, "packages/numpy/__init__.py": "raise SystemExit\n"}
    finding = doctor.only(serve(lines.format("mine"), run=False, files=files), "hint")
    assert "numpy is installed" in finding["what"] and "application-group=%{GLOBAL}" in finding["remedy"]
    assert doctor.examine(serve(lines.format("%{GLOBAL}"), run=False, files=files)) == ([], 0)


def test_more_threads_than_descriptors(group):
    server = group("threads=200")
    result = subprocess.run(["prlimit", "--nofile=128:128", *server.command("-t")], capture_output=True, text=True,
                            env=server._environment(), cwd="/", timeout=60)
    assert result.returncode == 0 and "threads=200 need a connection each, and a process may have 128 files open" in result.stderr


@pytest.mark.root
def test_more_threads_than_the_user_may_have(group):
    server = group("processes=4 threads=200")
    result = subprocess.run(["prlimit", "--nproc=500:500", *server.command("-t")], capture_output=True, text=True,
                            env=server._environment(), cwd="/", timeout=60)
    assert "have 805 processes and threads together, and the limit is 500" in result.stderr


# How it is told


def test_a_start_says_what_costs_nothing(group):
    """The same lines in the error log, but for what needs an interpreter."""
    server = group("python-path=${ROOT}/nothing", script="app = 1\n").start()
    assert server.log().count("/nothing does not exist, so Python finds nothing there") == 1
    assert "top-level" not in server.log()
    server.graceful()
    assert server.log().count("/nothing does not exist, so Python finds nothing there") == 2, "once for each start"


def test_listings_of_httpd_run_no_interpreter(group):
    """`httpd -S` and kin read the configuration, too."""
    server = group("python-home=${ROOT}/home")
    imposter(server, "#include <stdio.h>\nint main(void) { fclose(fopen(\"/var/tmp/mod_wsgi-test-asked\", \"w\")); return 3; }\n")
    result = subprocess.run(server.command("-S"), capture_output=True, text=True, env=server._environment(), cwd="/", timeout=30)
    assert result.returncode == 0 and "does not start" not in result.stderr


@pytest.mark.parametrize("missing, kind", [("User", "user"), ("Group", "group of users")])
def test_no_group_keeps_the_rights_of_root(group, missing, kind):
    """Without User httpd has a number that means to the system: stay who you are."""
    if os.geteuid() != 0:
        pytest.skip("about root")
    server = group()
    server.reconfigure(f"{missing} www-data\n", "")
    finding = doctor.only(server, "error")
    assert f"there is no {kind} `#4294967295`" in finding["what"]


def test_somebody_else_may_look(serve):
    """Without root, with the eyes of whoever asks."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    server = serve(GROUP.format(""), run=False, files={"site/wsgi.py": APPLICATION}, run_as="www-data")
    assert doctor.examine(server) == ([], 0)
    os.chown(server.root / "site", 0, 0)
    (server.root / "site").chmod(0o700)
    assert "may not enter" in doctor.only(server)["what"]


def test_the_module_leaves_no_process_behind(group):
    server = group("python-home=${ROOT}/home")
    imposter(server, "#include <unistd.h>\nint main(void) { if (fork() == 0) { for (;;) pause(); } for (;;) pause(); }\n")
    assert "was not over within" in doctor.only(server)["what"]
    wait_until(lambda: not server.processes(), 10, "the end of the whole session")

