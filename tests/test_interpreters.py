"""Application groups: which requests share an interpreter, and that others do not meet."""

import hashlib
import json
import signal
import threading

import pytest

COUNTER = '''"""Counts the requests of its interpreter."""
import sys
import json
import signal
count = 0
sys.marked = getattr(sys, "marked", [])
sys.marked.append(__file__)
def application(environ, start_response):
    global count
    count += 1
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([count, len(sys.marked), environ["mod_wsgi.application_group"]]).encode()]
'''


def ask(server, path, **kwargs):
    """Requests counted, scripts loaded in the interpreter, its name."""
    return json.loads(server.get(path, **kwargs).body)


def test_one_for_each_script_unless_named(serve, mode):
    server = serve("WSGIScriptAlias /a ${ROOT}/a.py\nWSGIScriptAlias /b ${ROOT}/b.py\n"
                   "WSGIScriptAlias /c ${ROOT}/a.py application-group=shared\n"
                   "WSGIScriptAlias /d ${ROOT}/b.py application-group=shared\n"
                   "WSGIScriptAlias /g ${ROOT}/a.py application-group=%{GLOBAL}\n", mode,
                   files={"a.py": COUNTER, "b.py": COUNTER})
    where = f"localhost:{server.port}"
    assert ask(server, "/a") == [1, 1, f"{where}|/a"]
    assert ask(server, "/b") == [1, 1, f"{where}|/b"]
    assert ask(server, "/c") == [1, 1, "shared"]
    assert ask(server, "/d") == [1, 2, "shared"]
    assert ask(server, "/g") == [1, 1, ""]
    assert ask(server, "/a") == [2, 1, f"{where}|/a"]


@pytest.mark.parametrize("value, name", [("%{GLOBAL}", ""), ("%{SERVER}", "localhost:{port}"), ("fixed", "fixed"),
                                         ("%{RESOURCE}", "localhost:{port}|/a"), ("%{ENV:SITE}", "from-env"),
                                         ("%{HOST}", "some.example:{port}"), ("x%{GLOBAL}", "x%{{GLOBAL}}")])
def test_names(serve, mode, value, name):
    server = serve(f"WSGIScriptAlias /a ${{ROOT}}/a.py\nWSGIApplicationGroup {value}\nSetEnv SITE from-env\n", mode,
                   files={"a.py": COUNTER})
    assert ask(server, "/a", host=f"some.example:{server.port}")[2] == name.format(port=server.port)


def test_reference_to_another_variable(serve, mode):
    server = serve("WSGIScriptAlias /a ${ROOT}/a.py\nWSGIApplicationGroup %{ENV:SITE}\nSetEnv SITE %{GLOBAL}\n", mode,
                   files={"a.py": COUNTER})
    assert ask(server, "/a")[2] == ""


SETTINGS = '''"""Settings of the site {name}."""
SECRET_KEY = "{name}"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "{name}_urls"
SITE = "{name}"
TEMPLATES = []
INSTALLED_APPS = []
MIDDLEWARE = []
'''
URLS = '''"""The one page of the site {name}."""
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
import os
urlpatterns = [path("<path:rest>", lambda request, rest: HttpResponse(
    "%s %s %s %s %d" % (settings.SITE, request.get_full_path(), request.path_info, "{name}", os.getpid())))]
'''
WSGI = '''"""The site {name}."""
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
os.environ["DJANGO_SETTINGS_MODULE"] = "{name}_settings"
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
'''


def test_two_django_sites_in_one_process(serve, mode, packages):
    files = {}
    for name in ("alpha", "beta"):
        files |= {f"{name}/{name}_settings.py": SETTINGS.format(name=name), f"{name}/wsgi.py": WSGI.format(name=name),
                  f"{name}/{name}_urls.py": URLS.format(name=name)}
    server = serve(f"WSGIPythonPath {packages}\nWSGIScriptAlias /one ${{ROOT}}/alpha/wsgi.py\n"
                   "WSGIScriptAlias /two ${ROOT}/beta/wsgi.py\n", mode, options=f"threads=4 python-path={packages}", files=files)
    pids = set()
    for _ in range(3):
        for mount, name in (("one", "alpha"), ("two", "beta")):
            words = server.get(f"/{mount}/page?q").text.split()
            assert words[:4] == [name, f"/{mount}/page?q", "/page", name]
            pids.add(words[4])
    assert len(pids) == 1


def test_environment_and_modules_are_apart(serve, mode):
    script = COUNTER.replace("import json\n", "import json, os\nos.environ['WHO'] = __file__\n", 1).replace(
        'environ["mod_wsgi.application_group"]', 'os.environ["WHO"]')
    server = serve("WSGIScriptAlias /a ${ROOT}/a.py\nWSGIScriptAlias /b ${ROOT}/b.py\n", mode,
                   files={"a.py": script, "b.py": script})
    for path in ("/a", "/b", "/a"):
        assert ask(server, path)[2] == f"{server.root}{path}.py"


@pytest.mark.ours
def test_name_and_file_of_the_script_module(serve, mode):
    script = ('"""Names."""\ndef application(environ, start_response):\n    start_response("200 OK", [])\n'
              '    return [repr((__name__, __file__, type(__mtime__).__name__)).encode()]\n')
    server = serve("WSGIScriptAlias / ${ROOT}/a.py\n", mode, files={"a.py": script})
    name = "_mod_wsgi_" + hashlib.md5(f"{server.root}/a.py".encode()).hexdigest()
    assert server.get("/").text == repr((name, f"{server.root}/a.py", "int"))


def test_many_interpreters_and_threads_at_once(serve, mode):
    mounts = "".join(f"WSGIScriptAlias /{number} ${{APPS}}/process.py application-group=g{number}\n" for number in range(8))
    server = serve(mounts, mode, options="threads=8")
    failures = []

    def client(first):
        for number in range(40):
            response = server.get(f"/{(first + number) % 8}")
            facts = json.loads(response.body)
            if facts["application_group"] != f"g{(first + number) % 8}":
                failures.append(facts)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


WAITING = '''"""Is loaded once a file is there."""
import os, time
while not os.path.exists({flag!r}):
    time.sleep(0.01)

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"loaded at last"]
'''


def test_an_import_stalls_nobody_else(serve, mode):
    """While one script is loading, other scripts are loaded and served: in other interpreters, and in the same one."""
    server = serve("WSGIScriptAlias /slow ${ROOT}/slow.py application-group=one\n"
                   "WSGIScriptAlias /same ${APPS}/hello.py application-group=one\n"
                   "WSGIScriptAlias /new ${ROOT}/a.py application-group=one\n"
                   "WSGIScriptAlias /other ${ROOT}/a.py application-group=two\n", mode, options="threads=6", run=False,
                   files={"a.py": COUNTER})
    flag = server.root / "data" / "go"
    server.write("slow.py", WAITING.format(flag=str(flag)))
    server.start()
    assert server.get("/same").body == b"Hello, world!"
    with server.connect() as connection, server.connect() as second:
        connection.start("GET", "/slow")
        server.wait_for_log("Loading WSGI script '.*slow.py'")
        second.start("GET", "/slow")  # waits for the first
        for _ in range(2):
            assert server.get("/same").body == b"Hello, world!"
        assert ask(server, "/new")[2] == "one" and ask(server, "/other")[2] == "two"
        flag.touch()
        assert connection.finish().body == second.finish().body == b"loaded at last"
    assert server.log().count("slow.py' into application group") == 1


# A line of a .pth file: a module that the set-up needs cannot be imported while a file is there.
SPOILS = ("import os, sys; spoils = os.path.exists({flag!r}); sys.modules.get('signal', 1) is None and sys.modules.pop('signal'); "
          "spoils and sys.modules.update(signal=None)\n")


def test_a_set_up_that_fails_is_tried_again(serve, mode):
    """500 and the reason at crit; other interpreters are not concerned, and the next request may find it mended."""
    scope = 'process-group=' + ("app" if mode == "daemon" else "%{GLOBAL}")
    server = serve(f"<WSGIInterpreterOptions application-group=bad {scope}>\nWSGIPythonPath ${{ROOT}}/spoilt\n"
                   "</WSGIInterpreterOptions>\n"
                   "WSGIScriptAlias /bad ${APPS}/hello.py application-group=bad\n"
                   "WSGIScriptAlias /good ${APPS}/hello.py application-group=good\n", mode, run=False)
    flag = server.root / "data" / "flag"
    server.write("spoilt/spoils.pth", SPOILS.format(flag=str(flag)))
    flag.touch()
    server.start()
    for _ in range(2):
        since = server.mark()
        assert server.get("/bad").status == 500
        server.wait_for_log(r"wsgi:crit.*\[client .*interpreter of application group 'bad' could not be set up", since)
        assert "signal" in server.log(since)
    assert server.get("/good").body == b"Hello, world!"
    flag.unlink()
    assert server.get("/bad").body == b"Hello, world!"


@pytest.mark.ours
def test_paths_of_one_interpreter(serve, mode):
    """Layers: the group's or server's own, then containers, the most specific in front; each with its .pth files."""
    script = ('"""Tells its path."""\nimport json, sys\ndef application(environ, start_response):\n'
              '    start_response("200 OK", [])\n    return [json.dumps([p for p in sys.path if "/paths/" in p]).encode()]\n')
    scope = 'process-group=' + ("app" if mode == "daemon" else "%{GLOBAL}")
    server = serve("WSGIPythonPath ${ROOT}/paths/embedded\n"
                   f"<WSGIInterpreterOptions application-group=a {scope}>\nWSGIPythonPath ${{ROOT}}/paths/own\n</WSGIInterpreterOptions>\n"
                   "<WSGIInterpreterOptions application-group=a>\nWSGIPythonPath ${ROOT}/paths/a\n</WSGIInterpreterOptions>\n"
                   f"<WSGIInterpreterOptions {scope}>\nWSGIPythonPath ${{ROOT}}/paths/all\n</WSGIInterpreterOptions>\n"
                   '<WSGIInterpreterOptions process-group=other>\nWSGIPythonPath ${ROOT}/paths/never\n</WSGIInterpreterOptions>\n'
                   "WSGIScriptAlias /a ${ROOT}/s.py application-group=a\nWSGIScriptAlias /b ${ROOT}/s.py application-group=b\n",
                   mode, options="threads=4 python-path=${ROOT}/paths/daemon", run=False, files={"s.py": script})
    for name in ("embedded", "own", "a", "all", "daemon", "linked"):
        (server.root / "paths" / name).mkdir(parents=True)
    server.write("paths/own/more.pth", f"{server.root}/paths/linked\n")
    server.start()
    names = lambda path: [place.rpartition("/")[2] for place in json.loads(server.get(path).body)]
    assert names("/a") == ["own", "linked", "all", "a", mode]
    assert names("/b") == ["all", mode]


@pytest.mark.parametrize("directive, variable, level", [(1, "2", 2), (2, "1", 2), (1, "", 1), (0, "1", 1)])
def test_the_larger_optimisation_wins(serve, mode, directive, variable, level):
    """WSGIPythonOptimize and PYTHONOPTIMIZE of httpd's environment."""
    script = ('"""Tells its level."""\nimport sys\ndef application(environ, start_response):\n'
              '    start_response("200 OK", [])\n    return [b"%d" % sys.flags.optimize]\n')
    server = serve(f"WSGIPythonOptimize {directive}\nWSGIScriptAlias / ${{ROOT}}/s.py\n", mode, files={"s.py": script},
                   env={"PYTHONOPTIMIZE": variable})
    assert server.get("/").text == str(level)


ENDING = '''"""Says in a file when each part of its end comes; `late` is a thread that is waited for."""
import atexit, threading, time
def say(what):
    with open({path!r}, "a") as file:
        file.write(what + "\\n")
def late():
    while not ended.wait(0.01):
        pass
    say("thread")
ended = threading.Event()
threading.Thread(target=late, daemon=False).start()  # else it is one, as the thread of the request is
threading._register_atexit(ended.set)
atexit.register(say, "atexit")

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"loaded"]
'''


@pytest.mark.ours
def test_threads_are_joined_before_atexit(serve, mode):
    """In sub-interpreters and in the main one, whose end is the last."""
    mounts = "".join(f"WSGIScriptAlias /{name} ${{ROOT}}/{name}.py application-group={group}\n"
                     for name, group in (("sub", "sub"), ("main", "%{GLOBAL}")))
    server = serve(mounts, mode, run=False)
    path = server.root / "data" / "said"
    for name in ("sub", "main"):
        server.write(f"{name}.py", ENDING.format(path=str(path)).replace("what +", f"'{name} ' + what +"))
    server.start()
    for name in ("main", "sub"):
        assert server.get(f"/{name}").body == b"loaded"
    server.process.send_signal(signal.SIGWINCH)  # graceful: TERM grants httpd's children no time for connections
    server.process.wait(20)
    assert path.read_text().splitlines() == ["sub thread", "sub atexit", "main thread", "main atexit"]


def test_debug_mode_leaves_the_terminal_alone(serve, mode):
    """httpd -X: standard input and output of embedded mode are a debugger's; standard error is the log all the same."""
    script = ('"""Prints."""\nimport sys\ndef application(environ, start_response):\n'
              '    print("to stdout", type(sys.stdin).__name__, file=sys.stdout, flush=True)\n    print("to stderr", file=sys.stderr)\n'
              '    start_response("200 OK", [])\n    return [b"printed"]\n')
    server = serve("WSGIRestrictStdin On\nWSGIScriptAlias / ${ROOT}/s.py\n", mode, run=False, files={"s.py": script})
    command = server.command
    server.command, server._listens = lambda *_: command("-X"), server.is_bound  # says nothing of normal operations
    server.start()
    assert server.get("/").body == b"printed"
    server.wait_for_log(r"\[client .*to stderr$")
    if mode == "embedded":
        server.wait_for_log("^to stdout TextIOWrapper$", name="console")
    else:
        server.wait_for_log(r"\[client .*to stdout Restricted$")
    server.process.terminate()  # such an httpd leaves its file behind
    server.process.wait(20)


@pytest.mark.ours
def test_a_hash_seed_is_for_this_python_alone(serve, mode):
    """Processes that the application starts do not inherit it."""
    script = ('"""Tells hashes."""\nimport os, subprocess, sys\ndef application(environ, start_response):\n'
              '    child = subprocess.check_output(["/bin/sh", "-c", "echo seed=$PYTHONHASHSEED"], text=True).strip()\n'
              '    start_response("200 OK", [])\n'
              '    return [repr((hash("text"), "PYTHONHASHSEED" in os.environ, child, sys.flags.hash_randomization)).encode()]\n')
    server = serve("WSGIPythonHashSeed 0\nWSGIScriptAlias /main ${ROOT}/s.py application-group=%{GLOBAL}\n"
                   "WSGIScriptAlias /sub ${ROOT}/s.py\n", mode, files={"s.py": script})
    seen = {server.get(path).text for path in ("/main", "/sub", "/main")}
    assert len(seen) == 1
    assert seen.pop().endswith(", False, 'seed=', 0)")
