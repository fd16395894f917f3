"""preload=on: one process loads the application, and the workers are copies of it."""

import json
import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import library as library_site, memory, processes, pythons
from support.load import Load
from support.processes import wait_until

pytestmark = pytest.mark.ours

BOTH = "process-group=app application-group=%{GLOBAL}"
CONF = f"WSGIScriptAlias / ${{ROOT}}/site/preloaded.py {BOTH}\n"
LATER = [0]


def put(server, loading="", break_it=False):
    """The application with what it does while it is loaded; its file changes each time."""
    server.write("data/loading", loading)
    text = (server.root / "apps" / "preloaded.py").read_text()
    path = server.write("site/preloaded.py", "raise ValueError('broken')\n" if break_it else text)
    LATER[0] += 10
    os.utime(path, (time.time() + LATER[0],) * 2)


@pytest.fixture
def preload(serve):
    """Starts a server whose group `app` has preload=on."""

    def start(options="", loading="", conf=CONF, run=True, break_it=False, **more):
        server = serve(conf, "daemon", f"preload=on {options}", run=False, **more)
        put(server, loading, break_it)
        return server.start() if run else server

    return start


def ask(server, path="/"):
    response = server.get(path)
    assert response.status == 200, response
    return json.loads(response.body)


def ask_all(server, count):
    """What each of `count` processes with one thread says, by process id: so many requests at the same time."""

    def all_at_once():
        with ThreadPoolExecutor(count) as pool:
            said = list(pool.map(lambda _: ask(server, "/?0.2"), range(count)))
        by_pid = {one["pid"]: one for one in said}
        return by_pid if len(by_pid) == count else None

    return wait_until(all_at_once, 30, f"answers of {count} processes")


def named(server, ending):
    """The daemon processes whose name ends so."""
    return [pid for pid in server.processes() if processes.command(pid).endswith(ending)]


def template(server):
    """The process that has loaded the application, once there is one alone."""
    return wait_until(lambda: (found := named(server, "(wsgi:app) template")) and len(found) == 1 and found, 20)[0]


def workers(server):
    return named(server, "(wsgi:app)")


def leader(server):
    return next(pid for pid in processes.children(server.pid) if "mod_wsgi_leader" in processes.command(pid))


def test_the_application_is_loaded_once(preload):
    server = preload("processes=3 threads=1")
    said = ask_all(server, 3)
    assert {one["made"] for one in said.values()} == {next(iter(said.values()))["made"]}
    assert {one["loaded_by"] for one in said.values()} == {template(server)}
    assert {one["parent"] for one in said.values()} == {leader(server)} == {processes.parent(template(server))}
    assert set(workers(server)) == set(said)
    assert server.log().count("Loading WSGI script") == 1


def test_all_pythons(serve, python):
    conf = ""
    loading = """
import ctypes
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
def question(environ):
    numbers = (ctypes.c_int * 5)(5, 1, 4, 2, 3)
    ctypes.CDLL(None).qsort(numbers, 5, ctypes.sizeof(ctypes.c_int), COMPARE(lambda a, b: a[0] - b[0]))
    forked = os.fork()
    if not forked:
        os._exit(7)
    import sys
    return [list(numbers), os.waitpid(forked, 0)[1], sys.version_info[1]]
"""
    minors = sorted(pythons.installed())
    for minor in minors:
        conf += f"WSGIDaemonProcess p{minor} preload=on processes=2 threads=2 python-home={python(minor)}\n"
        conf += f"WSGIScriptAlias /{minor} ${{ROOT}}/site/preloaded.py process-group=p{minor} application-group=%{{GLOBAL}}\n"
    server = serve(conf, run=False)
    put(server, loading)
    server.start()
    for minor in minors:
        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(lambda _, minor=minor: ask(server, f"/{minor}?0.05"), range(24)))
        assert len({one["made"] for one in said}) == 1 and said[0]["loaded_by"] != said[0]["pid"], minor
        assert {json.dumps(one["answer"]) for one in said} == {json.dumps([[1, 2, 3, 4, 5], 7 << 8, minor])}
    assert "preload=on has no effect" not in server.log()


def test_hooks(preload):
    server = preload("processes=2 threads=1", """
import mod_wsgi
mod_wsgi.subscribe_fork(before=lambda: CALLS.append(["before 1", os.getpid()]))
mod_wsgi.subscribe_fork(before=lambda: CALLS.append(["before 2", os.getpid()]), after=lambda: CALLS.append(["after 1", os.getpid()]))
mod_wsgi.subscribe_fork(after=lambda: CALLS.append(["after 2", os.getpid()]))
os.register_at_fork(after_in_child=lambda: CALLS.append(["python", os.getpid()]))
""")
    made = template(server)
    for pid, said in ask_all(server, 2).items():
        own = [["python", pid], ["after 1", pid], ["after 2", pid]]
        before = [["before 2", made], ["before 1", made]]
        assert said["calls"] in (before + own, before * 2 + own)


def test_a_hook_before_the_fork_that_raises_is_logged(preload):
    server = preload(loading="import mod_wsgi\ndef boom():\n    raise ValueError('unwell')\nmod_wsgi.subscribe_fork(before=boom)\n")
    assert ask(server)["loaded_by"] == template(server)
    server.wait_for_log(r"ValueError exception raised by a function of subscribe_fork\(before=\.\.\.\)")
    assert "in boom" in server.log()


def test_a_worker_whose_hook_raises_does_not_serve(preload):
    loading = """
import mod_wsgi
def boom():
    if not os.path.exists(_loading + ".mended"):
        raise ValueError("unwell")
mod_wsgi.subscribe_fork(after=boom)
"""
    server = preload(loading=loading)
    response = server.get("/")
    assert response.status == 503
    server.wait_for_log(r"ValueError exception raised by a function of subscribe_fork\(after=\.\.\.\)")
    server.wait_for_log(r"cannot start a process: a function of mod_wsgi\.subscribe_fork\(after=\.\.\.\) raised")
    server.write("data/loading.mended", "")
    wait_until(lambda: server.get("/").status == 200, 20, "a worker")


def test_what_is_no_function_is_refused(preload):
    server = preload(loading="""
import mod_wsgi
for given in ({"before": 1}, {"after": "x"}, {"other": print}):
    try:
        mod_wsgi.subscribe_fork(**given)
    except TypeError as error:
        CALLS.append(str(error))
""")
    assert ask(server)["calls"][:2] == ["1 is not callable", "'x' is not callable"] and len(ask(server)["calls"]) == 3


FOUND = {
    "thread": ("threading.Thread(target=time.sleep, args=(600,), name='sleeper', daemon=True).start()", r"thread 'sleeper'"),
    "native thread": ("import _thread; _thread.start_new_thread(time.sleep, (600,))", r"native thread '[^']+' \(of a C library\)"),
    "TCP": ("import socket; KEPT = socket.create_server(('127.0.0.1', 0))", r"socket \d+ \(from 127\.0\.0\.1:\d+\)"),
    "connection": ("""
import socket
LISTENS = socket.create_server(("::1", 0), family=socket.AF_INET6)
KEPT = socket.create_connection(LISTENS.getsockname()[:2])
""", r"socket \d+ \(from \[::1\]:\d+\), socket \d+ \(from \[::1\]:\d+ to \[::1\]:\d+\)"),
    "unix": ("import socket; KEPT = socket.socketpair()", r"socket \d+ \(without an address\), socket \d+ \(without an address\)"),
}  # fmt: skip


@pytest.mark.parametrize("what", FOUND)
def test_what_a_copy_would_break(preload, what):
    loading, words = FOUND[what]
    server = preload("processes=2 threads=1", loading)
    said = ask_all(server, 2)
    assert all(one["loaded_by"] == pid for pid, one in said.items()), "each has loaded it for itself"
    pattern = rf"preload=on has no effect until the next reload, .* would break {words}\. End that in a function of"
    server.wait_for_log(pattern)
    assert len(server.log().split("preload=on has no effect")) == 2, "it is said once"
    wait_until(lambda: not named(server, "template"), 10, "the end of the template")
    put(server)
    wait_until(lambda: (one := ask(server))["loaded_by"] != one["pid"], 20, "preload after the next reload")


def test_what_ends_before_the_fork_is_no_obstacle(preload):
    server = preload("processes=2 threads=1", """
import mod_wsgi, socket
STOP, KEPT = threading.Event(), []
def begin():
    STOP.clear()
    KEPT.append(socket.create_server(("127.0.0.1", 0)))
    KEPT.append(threading.Thread(target=STOP.wait, name="helper", daemon=True))
    KEPT[1].start()
def end():
    STOP.set()
    if KEPT:
        KEPT.pop().join()
        KEPT.pop().close()
begin()
mod_wsgi.subscribe_fork(before=end, after=begin)
""")
    said = ask_all(server, 2)
    assert {one["loaded_by"] for one in said.values()} == {template(server)}
    assert all("helper" in one["threads"] for one in said.values())
    assert "has no effect" not in server.log()


@pytest.mark.parametrize("reload", ["strict", "rolling"])
def test_reload(preload, reload):
    server = preload(f"processes=3 threads=2 reload={reload}")
    before, made = ask(server), template(server)
    with Load(server, "/?0.01", clients=4) as load:
        wait_until(lambda: load.count > 30, 20, "requests")
        put(server)
        wait_until(lambda: ask(server)["made"] != before["made"], 20, "new code")
        wait_until(lambda: template(server) != made, 20, "a new template")
        wait_until(lambda: not processes.alive(made), 10, "the end of the old one")
        wait_until(lambda: len(workers(server)) == 3, 30, "three processes")
    load.assert_clean(30)
    said = [json.loads(body) for body in load.bodies]
    assert len({one["made"] for one in said}) == 2
    assert all(one["loaded_by"] != one["pid"] for one in said)


def test_a_rolling_reload_that_fails_keeps_the_old_template(preload):
    server = preload("processes=2 threads=1 reload=rolling")
    before, made = ask_all(server, 2), template(server)
    put(server, break_it=True)
    assert ask(server)["pid"] in before
    server.wait_for_log("ValueError: broken")
    server.wait_for_log("the reload is called off: the application could not be loaded")
    assert template(server) == made and set(workers(server)) == set(before)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in workers(server) and len(workers(server)) == 2, 20, "a replacement")
    after = ask_all(server, 2)
    assert {one["made"] for one in after.values()} == {before[victim]["made"]}
    put(server)
    wait_until(lambda: ask(server)["made"] != before[victim]["made"], 30, "the next version")


def test_a_strict_reload_that_fails_is_an_error_for_the_client(preload):
    server = preload("processes=2 threads=1")
    before = ask(server)
    put(server, break_it=True)
    assert server.get("/").status == 500
    server.wait_for_log("ValueError: broken")
    server.wait_for_log("preload=on has no effect until the next reload, .* the application could not be loaded")
    put(server)
    wait_until(lambda: ask(server)["made"] != before["made"], 20, "mended code")
    since = server.mark()
    put(server)
    ask(server)
    server.wait_for_log("forked from process", since, 20)  # one that was still starting loads it for itself


def test_code_that_is_broken_from_the_start(preload):
    server = preload("processes=2 threads=1", break_it=True)
    assert server.get("/").status == 500
    server.wait_for_log("preload=on has no effect until the next reload")


def test_graceful_restart(preload):
    server = preload("processes=2 threads=1")
    before, made = ask_all(server, 2), template(server)
    with Load(server, "/?0.01", clients=4) as load:
        wait_until(lambda: load.count > 20, 20, "requests")
        server.graceful()
        wait_until(lambda: not processes.alive(made), 30, "the end of the old template")
        wait_until(lambda: not set(before) & set(workers(server)), 30, "the end of the old processes")
    load.assert_clean(20)
    after = ask_all(server, 2)
    assert {one["loaded_by"] for one in after.values()} == {template(server)}


def test_a_graceful_restart_with_broken_code_changes_nothing(preload):
    server = preload("processes=2 threads=1", conf="WSGIScriptReloading Off\n" + CONF)
    before, made = ask_all(server, 2), template(server)
    put(server, break_it=True)
    server.graceful()
    server.wait_for_log("ValueError: broken")
    server.wait_for_log("could not load what the serving processes have loaded")
    assert set(ask_all(server, 2)) == set(before) and processes.alive(made)


def test_a_template_that_dies_comes_again(preload):
    server = preload("processes=2 threads=1")
    before, made = ask_all(server, 2), template(server)
    os.kill(made, signal.SIGKILL)
    server.wait_for_log(rf"preload=on: process {made}, which had loaded the application, was killed by signal 9")
    wait_until(lambda: (found := named(server, "template")) and found != [made], 20, "another template")
    assert set(ask_all(server, 2)) == set(before), "the workers live on"
    server.wait_for_log(rf"process {template(server)} has loaded the application")
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(workers(server)) == 2 and min(before) not in workers(server), 20, "a replacement")
    assert {one["loaded_by"] for one in ask_all(server, 2).values()} == {made, template(server)}


def test_replacements_are_forked(preload):
    server = preload("processes=2 threads=1 maximum-requests=5")
    made = template(server)
    seen = Counter()
    wait_until(lambda: seen.update([ask(server)["pid"]]) or len(seen) >= 5, 60, "five processes")
    for pid in workers(server)[:1]:
        os.kill(pid, signal.SIGSEGV)
    said = ask_all(server, 2)
    assert {one["loaded_by"] for one in said.values()} == {made} and template(server) == made
    assert server.log().count("Loading WSGI script") == 1
    assert server.log().count(f"forked from process {made}") >= 6


def test_a_signal_to_replace_workers_brings_new_modules(preload):
    server = preload("processes=2 threads=1")
    before = ask_all(server, 2)
    os.kill(leader(server), signal.SIGUSR1)
    wait_until(lambda: not set(before) & set(workers(server)), 30, "new workers")
    made = {one["made"] for one in ask_all(server, 2).values()}
    assert len(made) == 1 and made.isdisjoint(one["made"] for one in before.values())


def test_signals_for_workers_do_not_end_the_template(preload):
    server = preload("processes=1 threads=1")
    ask(server)
    made = template(server)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
        os.kill(made, number)
    os.kill(workers(server)[0], signal.SIGKILL)
    wait_until(lambda: ask(server)["loaded_by"] == made, 20, "a replacement")
    assert template(server) == made


def test_descriptors_and_limits_are_those_of_any_worker(serve):
    conf = CONF + "WSGIDaemonProcess plain processes=1 threads=2 cpu-time-limit=600\nWSGIScriptAlias /plain " \
        "${ROOT}/site/preloaded.py process-group=plain application-group=%{GLOBAL}\n"
    server = serve(conf.replace("/ ${ROOT}", "/app ${ROOT}", 1), "daemon", "preload=on threads=2 cpu-time-limit=600", run=False)
    put(server)
    server.start()
    forked, plain = ask(server, "/app")["pid"], ask(server, "/plain")["pid"]

    def kinds(pid):
        return Counter(memory.descriptors(pid).values())

    wait_until(lambda: kinds(forked) == kinds(plain), 10, "the same descriptors")

    def limit(pid):
        lines = open(f"/proc/{pid}/limits").read().splitlines()
        return next(line.split()[3:5] for line in lines if line.startswith("Max cpu time"))

    assert limit(forked) == limit(plain) != limit(template(server))
    assert "seqpacket" not in str(Counter(kinds(template(server)).keys()) - Counter(kinds(forked).keys()))


def test_copies_that_a_worker_forks_keep_no_socket(preload):
    server = preload("threads=1", """
def question(environ):
    forked = os.fork()
    if not forked:
        time.sleep(600)
        os._exit(0)
    return forked
""")
    copy = ask(server)["answer"]
    wait_until(lambda: "unix" not in str(memory.descriptors(copy)), 10, "the end of its sockets")
    os.kill(copy, signal.SIGKILL)


def test_nobody_outlives_the_leader(preload):
    server = preload("processes=2 threads=1")
    ask_all(server, 2)
    all_of_it = [template(server), *workers(server)]
    os.kill(leader(server), signal.SIGKILL)
    wait_until(lambda: not any(map(processes.alive, all_of_it)), 20, "the end of all")
    wait_until(lambda: server.get("/").status == 200, 30, "another leader")


def test_orphans_of_the_application_are_waited_for(preload):
    server = preload("threads=1", """
import subprocess
def question(environ):
    subprocess.run(["sh", "-c", "sleep 0.1 & echo $!"], stdout=subprocess.DEVNULL)
""")
    ask(server)
    own = leader(server)

    def strangers():
        return [pid for pid in processes.pids() if processes.parent(pid) == own and pid not in (*workers(server), template(server))]

    wait_until(lambda: not strangers(), 10, "the burial of orphans")


def test_the_restrictions_of_workers_hold_in_copies(preload):
    server = preload("threads=1", """
import mod_wsgi, signal
mod_wsgi.start_recording_metrics()
def question(environ):
    before = signal.getsignal(signal.SIGWINCH)
    signal.signal(signal.SIGWINCH, lambda *_: None)
    return [signal.getsignal(signal.SIGWINCH) == before, mod_wsgi.process_metrics()["pid"]]
""")
    said = ask(server)
    assert said["answer"] == [True, said["pid"]]
    server.wait_for_log("handler for signal .* ignored")


def test_an_interpreter_that_only_a_request_names_is_refused(preload):
    conf = CONF + """
<Location /env>
    SetEnv GROUP other
    WSGIApplicationGroup %{ENV:GROUP}
</Location>
WSGIScriptAlias /env ${ROOT}/site/preloaded.py process-group=app
"""
    server = preload("threads=1", conf="\n".join(reversed(conf.split("\n", 1))))
    assert server.get("/env").status == 500
    server.wait_for_log(r"group 'app' have the main interpreter only \(preload=on\), .* 'other': add `WSGIApplicationGroup %\{GLOBAL\}`")
    said = ask(server)
    os.kill(said["pid"], signal.SIGKILL)
    wait_until(lambda: ask(server)["made"] == said["made"], 20, "the next worker")


REFUSED = {
    "nothing to load": ("WSGIScriptAlias / ${ROOT}/site/preloaded.py\nWSGIProcessGroup app\nWSGIApplicationGroup %{GLOBAL}",
                        ["preload=on", "WSGIImportScript PATH process-group=app application-group=%{GLOBAL}"]),
    "alias": (CONF + "WSGIScriptAlias /x /x.py process-group=app application-group=shop", ["`shop`", "application-group=%{GLOBAL}"]),
    "default": (CONF + "WSGIScriptAlias /x /x.py process-group=app", ["`%{RESOURCE}`", "WSGIApplicationGroup %{GLOBAL}"]),
    "import": (CONF + "WSGIImportScript /x.py process-group=app application-group=shop", ["WSGIImportScript", "`shop`"]),
    "hook": (CONF + "<Location />\nWSGIAccessScript /x.py process-group=app application-group=shop\n</Location>", ["WSGIAccessScript", "`shop`"]),
    "handler": (CONF + "WSGIHandlerScript x /x.py process-group=app application-group=shop", ["WSGIHandlerScript x", "`shop`"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(preload, case):
    conf, words = REFUSED[case]
    result = preload(conf=conf + "\n", run=False).configtest()
    assert result.returncode != 0
    for word in [*words, "line "]:
        assert word in result.stderr, result.stderr


def test_no_preload_for_services(serve):
    result = serve("WSGIDaemonProcess job threads=0 preload=on\n", run=False).configtest()
    assert result.returncode != 0 and "preload" in result.stderr and "threads=0" in result.stderr


def test_startup_timeout_counts_for_the_template(preload):
    server = preload("threads=1 startup-timeout=1", "time.sleep(600)\n")
    server.wait_for_log(r"the application is not loaded after 1 s \(startup-timeout\)", timeout=20)
    server.wait_for_log(r"File .*preloaded\.py", timeout=20)
    assert server.get("/").status == 503


def test_elastic_groups_grow_by_forks(preload):
    server = preload("processes=1-3 threads=1 grow-after=50ms")
    said = ask_all(server, 3)
    assert {one["loaded_by"] for one in said.values()} == {template(server)}


def test_django(serve, packages):
    options = f"preload=on processes=2 threads=2 python-path={packages}:${{ROOT}}/django"
    server = library_site.make(packages, f"WSGIDaemonProcess app {options}\nWSGIImportScript ${{ROOT}}/django/application.py {BOTH}\n"
                               "WSGIProcessGroup app\nWSGIApplicationGroup %{GLOBAL}\n")
    try:
        server.start()
        first = server.get("/db/books/?prefix=x")
        assert first.status == 200, server.log()
        with Load(server, "/db/books/?prefix=x", first.body, clients=4) as load:
            wait_until(lambda: load.count > 100, 60, "requests")
        load.assert_clean(100)
        assert "preload=on has no effect" not in server.log()
        assert len(workers(server)) == 2 and template(server)
        server.stop()
    finally:
        server.discard()
