"""How long processes live: restart-interval, inactivity-timeout, startup-timeout, cpu-time-limit, deadlock-timeout."""

import contextlib
import os
import re
import signal
import time

import pytest
from support import processes
from support.limited import begin, limited, pid, reason, replaced
from support.load import Load
from support.processes import stopped, wait_until

pytestmark = pytest.mark.ours

# Seconds within which Python starts and loads a script, or takes its own lock, on a machine that has other work to do.
LOADS = 6
LOCKS = 6


def quiet(server, seconds):
    """Nothing happens for so long; what the log then has."""
    time.sleep(seconds)  # it is the absence of an event that is looked at
    return server.log()


def test_restart_interval_under_load(serve):
    server = limited(serve, "processes=2 threads=2 restart-interval=2")
    first = {pid(server) for _ in range(8)}
    with Load(server, "/app/pid") as load:
        for process in first:
            assert reason(server, process, 40) == "restart_interval"
    assert load.count > 10 and not load.failures, load.failures[:3]
    # one at a time: the second goes when the replacement of the first serves
    order = [line for line in server.log().splitlines() if "restart_interval" in line or "Starting process" in line]
    assert "restart_interval" in "".join(order)


STARTS = re.compile(r"Starting process (\d+) in slot")


def leaving(log):
    """How many processes left at a time, each with how many were there: at every start, stop and end in the log."""
    there, going, seen = set(), set(), []
    for line in log.splitlines():
        start = STARTS.search(line)
        stop = re.search(r"Stopping process (\d+) in slot", line)
        end = re.search(r"process (\d+) in slot \d+ (?:exited|was killed) .*while stopping", line)
        if start:
            there.add(start[1])
        if stop:
            going.add(stop[1])
        if end:
            there.discard(end[1])
            going.discard(end[1])
        seen.append((len(going), len(there)))
    return seen


@pytest.mark.parametrize(
    ("options", "path", "why"),
    [("maximum-requests=40", "/app/patient?0.05", "maximum_requests"), ("", "/app/patient?0.05", "graceful_signal")],
)
def test_processes_leave_one_at_a_time(serve, options, path, why):
    """All four are due at once, under load: each has its replacement before it goes, and no request is lost."""
    server = limited(serve, f"processes=4 threads=2 {options}", level="debug")
    with Load(server, path, clients=6) as load:
        # The first to come up may have been replaced before the last one has: that is waited for.
        wait_until(lambda: len(STARTS.findall(server.log())) >= 4, 40, "four starts")
        first = set(map(int, STARTS.findall(server.log())[:4]))
        wait_until(lambda: first <= {int(body) for body in list(load.bodies)}, 40, "requests in each process")
        if why == "graceful_signal":
            for process in first:
                os.kill(process, signal.SIGUSR1)
        for process in first:
            assert reason(server, process, 40) == why
        wait_until(lambda: not any(processes.alive(process) for process in first), 20, "their end")
    load.assert_clean(8)
    seen = leaving(server.log())
    assert max(going for going, _ in seen) == 1, seen
    assert max(there for _, there in seen) == 5, "one more while it is replaced"


def test_processes_that_are_stuck_are_replaced_one_at_a_time(serve):
    server = limited(serve, "processes=3 threads=1 request-timeout=2 shutdown-timeout=1", level="debug")
    with contextlib.ExitStack() as clients:
        stuck = [begin(server, clients.enter_context(server.connect()), "/stubborn?60", f"stuck{n}") for n in range(3)]
        assert len(set(stuck)) == 3
        for process in stuck:
            assert reason(server, process, 40) == "request_timeout"
        assert pid(server) not in stuck
    starts = re.findall(r"Starting process \d+ .*?: (process \d+ is replaced \(request_timeout\))", server.log())
    assert len(starts) == len(set(starts)) == 3, "one replacement for each"


def test_an_idle_process_makes_room_for_one_that_has_loaded_nothing(serve):
    server = limited(serve, "threads=2 inactivity-timeout=2")
    assert "inactivity" not in quiet(server, 3), "a process that has never served is left alone"
    process = pid(server)
    assert reason(server, process) == "inactivity_timeout"
    wait_until(lambda: not processes.alive(process), 10)
    since = server.mark()
    assert pid(server) != process
    server.wait_for_log("Loading WSGI script", since, 1)


def test_a_running_request_and_a_read_body_are_activity(serve):
    server = limited(serve, "threads=2 inactivity-timeout=2")
    process = pid(server)
    assert int(server.get("/app/patient?4").text) == process, "it was not idle"


def test_requests_that_do_not_count(serve):
    more = "<Location /app/health>\n    WSGIIgnoreActivity On\n</Location>"
    server = limited(serve, "threads=2 inactivity-timeout=2", more=more)
    process = pid(server)
    gone = lambda: not processes.alive(process) or server.get("/app/health").status != 200  # noqa: E731
    wait_until(gone, 15, "the idle process to be replaced, whatever asks for its health", 0.2)
    assert reason(server, process) == "inactivity_timeout"
    served = pid(server)
    wait_until(lambda: server.get("/app/patient?0.1").status == 200 and quiet(server, 3) is not None, 10)
    assert served


def test_a_first_script_that_never_loads(serve):
    script = "import time\ndef hang():\n    time.sleep(60)\nhang()\n"
    server = limited(serve, f"threads=2 startup-timeout={LOADS} shutdown-timeout=5", more="WSGIScriptAlias /hangs ${ROOT}/hangs.py",
                     files={"hangs.py": script})
    assert server.get("/hangs").status == 502
    server.wait_for_log(r"no script was loaded within \d+ s of the first request \(startup-timeout\)")
    server.wait_for_log(r'hangs\.py", line 3, in hang')
    server.wait_for_log(r"\[client .*startup-timeout")
    server.write("hangs.py", (server.root / "apps" / "hello.py").read_text())
    assert server.get("/hangs").status == 200


def test_one_loaded_script_is_enough(serve):
    server = limited(serve, f"threads=2 startup-timeout={LOADS} shutdown-timeout=1", more="WSGIScriptAlias /slow ${ROOT}/slow.py",
                     files={"slow.py": f"import time\ntime.sleep({LOADS + 2})\nfrom runpy import run_path\n"
                            "application = lambda environ, start: (start('200 OK', []), [b'late'])[1]\n"})
    process = pid(server)
    assert server.get("/slow").body == b"late"
    assert pid(server) == process


def test_an_import_before_the_first_request_that_never_ends(serve):
    more = "WSGIImportScript ${ROOT}/hangs.py process-group=app application-group=%{GLOBAL}"
    server = limited(serve, f"threads=2 startup-timeout={LOADS}", more=more, files={"hangs.py": "import time\ndef hang():\n    time.sleep(60)\nhang()\n"})
    answer = server.get("/app/pid")
    assert answer.status == 503 and int(answer.header("Retry-After")) > 0
    server.wait_for_log(r"has loaded no script within \d+ s \(startup-timeout\)")
    server.wait_for_log(r'hangs\.py", line 3 in hang')
    server.write("hangs.py", "pass\n")
    wait_until(lambda: server.get("/app/pid").status == 200, 60, "recovery")


def test_processor_time(serve):
    server = limited(serve, "threads=2 cpu-time-limit=2 graceful-timeout=60 socket-timeout=120")
    with server.connect(timeout=120) as client:  # it takes as long as the machine lets it
        process = begin(server, client, "/busy?3", "busy")
        assert replaced(server, process, 120) != process
        answer = client.finish()
        assert (answer.status, int(answer.text)) == (200, process), "the drain lets it finish"
    assert reason(server, process) == "cpu_time_limit"


def test_the_kernel_ends_what_does_not_stop_using_the_processor(serve):
    server = limited(serve, "threads=2 cpu-time-limit=1 shutdown-timeout=1 graceful-timeout=60 socket-timeout=120")
    with server.connect(timeout=120) as client:
        begin(server, client, "/busy?60", "busy")
        assert client.finish().status == 502
    server.wait_for_log(r"\[client .*SIGKILL.*cpu-time-limit")
    assert server.get("/app/pid").status == 200


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_a_lock_that_is_never_given_back(serve, mpm):
    server = limited(serve, f"threads=3 deadlock-timeout={LOCKS} shutdown-timeout=1", mpm=mpm)
    with server.connect() as client:
        process = begin(server, client, "/locked", "locked")
        server.wait_for_log(rf"process {process} in slot \d+ is deadlocked", timeout=30)
        assert pid(server) != process
        assert client.finish().status == 502
    server.wait_for_log(r"stack of thread \d+, \S+ GET /app/locked for \d+ s")
    server.wait_for_log(r'limits\.py", line \d+ in locked')
    server.wait_for_log(r"\[client .*deadlock-timeout")
    assert "SIGKILL" not in server.log()


def test_a_stopped_process_is_found_as_well(serve):
    server = limited(serve, f"threads=2 deadlock-timeout={LOCKS} shutdown-timeout=1")
    process = pid(server)
    with stopped(process):
        server.wait_for_log(rf"process {process} in slot \d+ is deadlocked", timeout=30)
        assert pid(server) != process
        wait_until(lambda: not processes.alive(process), 10, "its end")


def test_a_long_wait_in_python_is_no_deadlock(serve):
    server = limited(serve, f"threads=2 deadlock-timeout={LOCKS}")
    process = pid(server)
    assert int(server.get(f"/app/spin?{LOCKS + 2}").text) == process
    assert "is deadlocked" not in server.log()


def test_a_signal_replaces_one_process(serve):
    server = limited(serve, "processes=1 threads=2")
    with server.connect() as client:
        process = begin(server, client, "/patient?2", "slow")
        os.kill(process, signal.SIGUSR1)
        replaced(server, process)
        assert int(client.finish().text) == process
    assert reason(server, process) == "graceful_signal"


def test_an_eviction_has_a_limit_of_its_own(serve):
    server = limited(serve, "threads=2 eviction-timeout=1 graceful-timeout=60 shutdown-timeout=1")
    with server.connect() as client:
        process = begin(server, client, "/patient?60", "slow")
        os.kill(process, signal.SIGUSR1)
        assert client.finish().status == 502
    assert reason(server, process) == "eviction_signal"


def test_graceful_timeout_0_is_at_once(serve):
    """The replaced module waits without limit for an idle moment."""
    server = limited(serve, "threads=2 graceful-timeout=0 shutdown-timeout=1")
    with server.connect() as client:
        process = begin(server, client, "/patient?60", "slow")
        os.kill(process, signal.SIGUSR1)
        assert client.finish().status == 502
    assert reason(server, process) == "graceful_signal"


def test_the_usual_reasons(serve):
    server = limited(serve, "threads=1 maximum-requests=2")
    process = pid(server)
    replaced(server, process)
    assert reason(server, process) == "maximum_requests"


def test_the_reason_of_a_signal(serve):
    server = limited(serve, "threads=1")
    process = pid(server)
    os.kill(process, signal.SIGTERM)
    assert reason(server, process) == "shutdown_signal"


@pytest.mark.parametrize(("path", "name", "number"), [("/segfault", "Segmentation fault", 11), ("/abort", "Aborted", 6)])
def test_a_crash_leaves_its_python_stack(serve, path, name, number):
    server = limited(serve, "threads=2")
    assert server.get("/app" + path).status == 502
    server.wait_for_log(f"Fatal Python error: {name}")
    server.wait_for_log(r'limits\.py", line \d+ in application')
    server.wait_for_log(rf"\[client .*killed by signal {number}")
    assert server.get("/app/pid").status == 200


def test_a_full_stack_leaves_its_python_stack(serve):
    script = ("import ctypes\n"
              "def deeper(environ):\n    return FUNCTION(1)\n"
              "FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda n: FUNCTION(n))\n"
              "def application(environ, start_response):\n    import sys\n    sys.setrecursionlimit(10 ** 9)\n    deeper(environ)\n")
    server = limited(serve, "threads=2", more="WSGIScriptAlias /deep ${ROOT}/deep.py", files={"deep.py": script})
    assert server.get("/deep").status == 502
    server.wait_for_log("Fatal Python error: Segmentation fault")
    server.wait_for_log(r'deep\.py", line \d+')
    assert server.get("/app/pid").status == 200


@pytest.mark.root
def test_a_priority_that_httpd_may_not_give(serve):
    server = limited(serve, "threads=1 cpu-priority=-5", run_as="daemon")
    assert server.get("/app/pid").status == 200
    server.wait_for_log("process group `app`: cpu-priority=-5 cannot be set: only root may")
