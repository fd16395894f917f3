"""reload=rolling: a touched script is brought in one process at a time, and code that does not load takes nobody's place."""

import json
import os
import re
import signal
import time

import pytest
from support import processes
from support.load import Load
from support.processes import wait_until

pytestmark = pytest.mark.ours

SCRIPT = '''"""Version {version}."""
import os, time
{more}
def application(environ, start_response):
    if environ["QUERY_STRING"] == "slow":
        with open(os.path.join(environ["MOD_WSGI_TEST_DATA"], "begun"), "w") as note:
            note.write(str(os.getpid()))
        while not os.path.exists(os.path.join(environ["MOD_WSGI_TEST_DATA"], "go")):
            time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{version} %d" % os.getpid()]
'''
BROKEN = "raise ValueError('version {version}')\n"
CALLED_OFF = r"^.*:error\].*the reload is called off: (.*)$"
CONF = ("WSGIDaemonProcess app reload=rolling {options}\nWSGIProcessGroup app\nWSGIApplicationGroup %{{GLOBAL}}\n"
        "SetEnv MOD_WSGI_TEST_DATA ${{ROOT}}/data\nWSGIScriptAlias /other ${{ROOT}}/other.py\nWSGIScriptAlias / ${{ROOT}}/script.py\n")


def put(server, version, text=SCRIPT, name="script.py", more=""):
    """A script with a modification time that none has had, however coarse the file system's clock is."""
    server.touches = getattr(server, "touches", 0) + 10
    moved(server, name, text.format(version=version, more=more), int((time.time() + server.touches) * 1e9))


def moved(server, name, text, modified):
    """Puts a script into its place in one step: written there it would be empty for a moment, and have one more time."""
    new = server.write(f"{name}.new", text)
    os.utime(new, ns=(modified, modified))
    new.rename(server.root / name)


def ask(server, path="/"):
    """The version and the process."""
    response = server.get(path)
    assert response.status == 200, response.text
    version, pid = response.text.split()
    return version, int(pid)


def workers(server):
    """The processes that run Python."""
    return {pid for pid in processes.descendants(server.pid) if "python" in processes.command(pid)}


def loads(server, name="script.py"):
    """How often a script was loaded: once one process has it, all load it."""
    return len(re.findall(rf"Loading WSGI script '[^']*/{name}'", server.log()))


def seen(server, times=12):
    """The versions that so many requests see."""
    return {ask(server)[0] for _ in range(times)}


@pytest.fixture
def make(serve):
    def made(processes=2, options="threads=2", conf=""):
        server = serve(CONF.format(options=f"processes={processes} {options}") + conf, run=False)
        put(server, "one")
        server.start()
        assert seen(server, 6) == {"one"}
        wait_until(lambda: loads(server) == processes, 10, "all processes")
        return server

    return made


def test_the_old_code_serves_until_the_new_does(make):
    server = make()
    put(server, "two", more=f"while not os.path.exists({str(server.root / 'data' / 'loads')!r}): time.sleep(0.01)")
    began = server.mark()
    assert seen(server) == {"one"}
    server.wait_for_log("script.py has changed: process [0-9]+ noticed", began)
    assert seen(server) == {"one"}, "the new one is loading"
    server.write("data/loads", "")
    wait_until(lambda: seen(server) == {"two"}, 20, "the new code")
    server.wait_for_log("all processes have the code that the scripts hold now", began)
    wait_until(lambda: len(workers(server)) == 2, 10, "the end of the old processes")


@pytest.mark.parametrize("keep", [False, True])
def test_one_process_at_a_time_under_load(make, keep):
    server = make(3)
    first, most = workers(server), 0
    with Load(server, "/", clients=4, keep=keep) as load:
        wait_until(lambda: load.count > 50, 20, "requests")
        put(server, "two")

        def done():
            nonlocal most
            now = workers(server)
            most = max(most, len(now))
            return len(now) == 3 and not now & first

        wait_until(done, 40, "the new processes")
    load.assert_clean(100)
    assert {body.split()[0] for body in load.bodies} == {b"one", b"two"}
    assert most <= 5, "three, one that comes, and one that is gone all but for its last breath"


def test_code_that_does_not_load_is_called_off_until_the_next_touch(make):
    server = make()
    old = workers(server)
    put(server, "broken", BROKEN)
    with Load(server, "/", clients=2) as load:
        line = server.wait_for_log(CALLED_OFF).group(1)
        wanted = load.count + 50
        wait_until(lambda: load.count > wanted, 20, "requests afterwards")
    load.assert_clean(50)
    assert {body.split()[0] for body in load.bodies} == {b"one"}
    assert str(server.root / "script.py") in line and "Mend the script" in line
    assert all(str(pid) in line for pid in old), "who serves on"
    text = server.log()
    assert text.count("ValueError: version broken") == 1, "one attempt"
    assert len(re.findall(CALLED_OFF, text, re.M)) == 1
    assert workers(server) == old
    put(server, "mended")
    wait_until(lambda: seen(server) == {"mended"}, 20, "the next touch")


def test_it_is_not_tried_again_by_itself(make):
    server = make(1)
    put(server, "broken", BROKEN)
    wait_until(lambda: ask(server) and re.search(CALLED_OFF, server.log(), re.M), 20, "the end of the reload")
    end = time.monotonic() + 4  # the first two attempts of a start that fails would be within this
    while time.monotonic() < end:
        assert ask(server)[0] == "one"
    assert server.log().count("ValueError: version broken") == 1


@pytest.mark.parametrize("end, words", [("os._exit(3)", "exited with status 3"), ("os.kill(os.getpid(), 9)", "SIGKILL")])
def test_code_that_ends_its_process(make, end, words):
    server = make()
    put(server, "deadly", more=end)
    wait_until(lambda: ask(server) and re.search(CALLED_OFF, server.log(), re.M), 20, "the end of the reload")
    assert words in re.search(CALLED_OFF, server.log(), re.M).group(1)
    assert seen(server) == {"one"}
    put(server, "mended")
    wait_until(lambda: seen(server) == {"mended"}, 20, "the next touch")


def test_code_that_never_loads(make):
    server = make(options="threads=2 startup-timeout=8")  # a slow machine's Python has to start within
    put(server, "endless", more="while True: time.sleep(0.1)")
    wait_until(lambda: ask(server) and re.search(CALLED_OFF, server.log(), re.M), 40, "the end of the reload")
    assert "startup-timeout" in re.search(CALLED_OFF, server.log(), re.M).group(1)
    assert seen(server) == {"one"}


def test_the_latest_touch_wins(make):
    server = make(3)
    go = server.root / "data" / "loads"
    put(server, "between", more=f"while not os.path.exists({str(go)!r}): time.sleep(0.01)")
    ask(server)
    server.wait_for_log("is replaced \\(script_reload\\)")
    put(server, "last")
    ask(server)
    go.touch()
    wait_until(lambda: seen(server) == {"last"}, 30, "the last version")
    wait_until(lambda: len(workers(server)) == 3, 10, "the end of the others")
    assert seen(server, 30) == {"last"}


def test_a_script_that_is_put_back(make):
    server = make()
    path = server.root / "script.py"
    text, stat = path.read_text(), path.stat()
    put(server, "broken", BROKEN)
    wait_until(lambda: ask(server) and re.search(CALLED_OFF, server.log(), re.M), 20, "the end of the reload")
    old = wait_until(lambda: len(now := workers(server)) == 2 and now, 20, "the end of the one that could not load")
    moved(server, "script.py", text, stat.st_mtime_ns)
    assert seen(server) == {"one"} and workers(server) == old


def test_a_script_that_is_removed_and_comes_back(make):
    server = make()
    old = workers(server)
    (server.root / "script.py").unlink()
    assert server.get("/").status == 404, "httpd itself finds no file"
    assert workers(server) == old
    put(server, "two")
    wait_until(lambda: seen(server) == {"two"}, 20, "the new code")


def test_a_process_that_dies_while_the_code_is_broken(make):
    server = make()
    put(server, "broken", BROKEN)
    wait_until(lambda: ask(server) and re.search(CALLED_OFF, server.log(), re.M), 20, "the end of the reload")
    wait_until(lambda: len(workers(server)) == 2, 10, "the end of the one that could not load")
    began = server.mark()
    victim, other = sorted(workers(server))
    os.kill(victim, signal.SIGKILL)
    server.wait_for_log("cannot start a process: a new process could not load", began)
    for _ in range(20):
        assert ask(server) == ("one", other), "the other one answers all"
    server.wait_for_log("the next attempt is in 2 s", began, timeout=15)
    put(server, "mended")
    wait_until(lambda: seen(server) == {"mended"}, 20, "the next touch")
    wait_until(lambda: len(workers(server)) == 2, 10, "both processes")


def test_the_last_process_dies_while_the_code_is_broken(make):
    server = make(1)
    put(server, "broken", BROKEN)
    wait_until(lambda: ask(server) and re.search(CALLED_OFF, server.log(), re.M), 20, "the end of the reload")
    os.kill(*workers(server), signal.SIGKILL)
    wait_until(lambda: server.get("/").status == 500, 20, "what an application that does not load answers")
    put(server, "mended")
    assert ask(server)[0] == "mended"


def test_a_broken_script_holds_back_the_others_of_its_group(make):
    server = make(1)
    put(server, "a", name="other.py")
    assert ask(server, "/other")[0] == "a"
    put(server, "broken", BROKEN)
    wait_until(lambda: ask(server) and re.search(CALLED_OFF, server.log(), re.M), 20, "the end of the reload")
    began = server.mark()
    put(server, "b", name="other.py")
    assert ask(server, "/other")[0] == "a"
    line = server.wait_for_log(CALLED_OFF, began).group(1)
    assert "script.py" in line, "the one to be mended"
    assert ask(server, "/other")[0] == "a" and ask(server)[0] == "one"
    put(server, "mended")
    wait_until(lambda: (ask(server)[0], ask(server, "/other")[0]) == ("mended", "b"), 20, "both")


def test_a_running_request_is_finished(make):
    server = make(1)
    with server.connect() as client:
        client.start("GET", "/?slow")
        wait_until((server.root / "data" / "begun").exists, 10, "the slow request")
        put(server, "two")
        wait_until(lambda: ask(server)[0] == "two", 20, "the new code")
        server.write("data/go", "")
        assert client.finish().body.startswith(b"one ")


def test_reloading_off(make):
    server = make(conf="WSGIScriptReloading Off\n")
    put(server, "two")
    assert seen(server) == {"one"}
    assert "has changed" not in server.log()


def test_a_script_says_so_itself(make):
    server = make(1)
    flag = server.root / "data" / "again"
    more = f"def reload_required(path): return os.path.exists({str(flag)!r}) and os.path.getmtime({str(flag)!r}) > BORN\nBORN = time.time()"
    put(server, "wants", more=more)
    wait_until(lambda: ask(server)[0] == "wants", 20, "the script")
    _, before = ask(server)
    flag.touch()
    os.utime(flag, (time.time() + 0.5,) * 2)
    wait_until(lambda: ask(server)[1] != before, 20, "another process")
    server.wait_for_log("its function reload_required says so")


def test_sub_interpreters(serve):
    server = serve(CONF.format(options="processes=2 threads=2").replace("%{GLOBAL}", "%{RESOURCE}"), run=False)
    put(server, "one")
    put(server, "a", name="other.py")
    server.start()
    assert seen(server) == {"one"} and ask(server, "/other")[0] == "a"
    put(server, "b", name="other.py")
    wait_until(lambda: ask(server, "/other")[0] == "b", 20, "the new code")
    assert seen(server) == {"one"}


def test_a_graceful_restart_with_broken_code(make):
    """The new leader tries again, ever later, and the old one's processes serve."""
    server = make()
    old = workers(server)
    put(server, "broken", BROKEN)
    server.graceful()
    server.wait_for_log("they serve on with the code that they have")
    assert seen(server) == {"one"} and old <= workers(server)
    put(server, "mended")
    wait_until(lambda: seen(server) == {"mended"}, 30, "the mended code")
    wait_until(lambda: not old & workers(server), 30, "the end of the old processes")


@pytest.mark.parametrize("value", ["", "Rolling", "on"])
def test_values(serve, value):
    server = serve(f'WSGIDaemonProcess app reload="{value}"\n', run=False)
    assert json.dumps("it is strict or rolling")[1:-1] in server.configtest().stderr
