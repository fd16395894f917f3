"""Events: what subscribers are told of requests, signals and the end of the process, and what they may change."""

import json
import os
import re
import signal
import time

import pytest
from support import processes

TIMES = {"request_id", "request_data", "thread_id", "server_pid", "request_start", "queue_start", "daemon_start"}
STARTED = TIMES | {"daemon_connects", "daemon_restarts", "application_start", "application_object", "callable_object",
                   "request_environ"}
FINISHED = TIMES | {"application_finish", "application_time", "input_reads", "input_length", "input_time",
                    "output_writes", "output_length", "output_time", "gil_wait_time", "gil_wait_count", "status"}
CPU = {"cpu_user_time", "cpu_system_time", "cpu_time"}
RESPONSE = {"request_id", "request_data", "response_status", "response_headers", "exception_info"}
EXCEPTION = {"request_id", "request_data", "exception_info"}


@pytest.fixture
def observed(serve, mode):
    """A server of its own with tests/apps/observed.py."""
    return serve("WSGIScriptAlias / ${APPS}/observed.py\n", mode, "threads=2")


def events(server):
    """What has been seen since the last call, with the request that is under way until it has finished."""
    return json.loads(server.get("/events").body)


def of(server, path, method="GET", **arguments):
    """The events of one request, by their names."""
    events(server)
    server.request(method, path, **arguments)
    found = []
    processes.wait_until(lambda: found.extend(events(server)) or any(name == "request_finished" for name, _ in found))
    return dict(found)


def test_the_keys(observed):
    found = of(observed, "/")
    assert set(found["request_started"]) == STARTED
    assert set(found["response_started"]) == RESPONSE
    assert set(found["request_finished"]) - CPU == FINISHED
    assert set(of(observed, "/raise")["request_exception"]) == EXCEPTION


def test_times_and_who(observed, mode):
    before = time.time()
    found = of(observed, "/")
    started, finished = found["request_started"], found["request_finished"]
    instants = [started[key] for key in ("request_start", "queue_start", "daemon_start", "application_start")]
    instants.append(finished["application_finish"])
    if mode == "embedded":
        assert instants[1:3] == [0.0, 0.0]
        del instants[1:3]
    assert instants == sorted(instants) and before - 1 < instants[0] and instants[-1] < time.time() + 1
    assert finished["application_time"] == pytest.approx(instants[-1] - started["application_start"], abs=1e-5)
    for key in TIMES - {"request_data"}:
        assert started[key] == finished[key]
    assert started["server_pid"] in observed.httpd_children()
    assert started["thread_id"] in range(1, 17) and re.fullmatch(r"[\w@+/-]+", started["request_id"])
    assert started["callable_object"] == "application" and started["application_object"] == "function"
    assert [started[key] for key in ("daemon_connects", "daemon_restarts")] == [1 if mode == "daemon" else 0, 0]


def test_what_the_environ_is_given_reaches_the_application(observed):
    assert observed.get("/noted").body == b"yes"


def test_a_response(observed):
    found = of(observed, "/status")
    started = found["response_started"]
    assert started["response_status"] == "299 Fine" and started["exception_info"] is None
    assert started["response_headers"] == [["Content-Type", "text/plain"], ["X-Mine", "1"]]
    assert found["request_finished"]["status"] == 299


def test_response_started_comes_with_every_call(observed):
    events(observed)
    observed.get("/twice")
    found = [payload for name, payload in events(observed) if name == "response_started"]
    assert [payload["response_status"] for payload in found] == ["404 Not Found", "501 Later"]
    assert found[1]["exception_info"][:2] == ["ValueError", "ValueError('on the way')"]


@pytest.mark.parametrize("path, kind, status", [
    ("/raise", "KeyError", 500), ("/iterate", "ZeroDivisionError", 200), ("/close", "RuntimeError", 200)])
def test_an_exception(observed, path, kind, status):
    found = of(observed, path)
    assert found["request_exception"]["exception_info"][0] == kind
    assert len(found["request_exception"]["exception_info"]) == 3
    assert found["request_finished"]["status"] == status


def test_request_timeout_is_no_exception_of_the_application(observed):
    found = of(observed, "/timeout")
    assert "request_exception" not in found and found["request_finished"]["status"] == 504
    observed.wait_for_log("Request interrupted by RequestTimeout; thread recovered")


def test_input(observed):
    body = b"a line\n" + b"x" * 300_000
    finished = of(observed, "/read", "POST", body=body)["request_finished"]
    assert finished["input_length"] == len(body) and finished["input_reads"] > 1 and finished["input_time"] > 0
    finished = of(observed, "/", "POST", body=body)["request_finished"]
    assert [finished[key] for key in ("input_length", "input_reads", "input_time")] == [0, 0, 0.0]


def test_output(observed):
    def output(path):
        finished = of(observed, path)["request_finished"]
        return finished["output_writes"], finished["output_length"], finished["output_time"] > 0
    assert output("/write") == (3, 7, True)
    assert output("/excess") == (2, 6, True)
    assert output("/")[:2] == (1, 4)
    assert output("/raise") == (0, 0, False)


def test_cpu_time_is_no_more_than_the_time(observed):
    found = [of(observed, "/work")["request_finished"] for _ in range(4)]
    with_cpu = [one for one in found if CPU <= set(one)]
    assert with_cpu, "a thread that has used CPU time is measured"
    for one in found:
        assert CPU <= set(one) or not CPU & set(one)
    for one in with_cpu:
        assert one["cpu_time"] == pytest.approx(one["cpu_user_time"] + one["cpu_system_time"], abs=1e-9)
        assert 0.02 < one["cpu_time"] <= one["application_time"] + 1e-9


def test_waits_for_the_gil_are_counted(observed):
    of(observed, "/")
    finished = of(observed, "/write")["request_finished"]
    assert finished["gil_wait_count"] >= 4 and 0 <= finished["gil_wait_time"] < 5


DECLARED = """
import json, mod_wsgi
order = []
def first(name, **payload):
    order.append(["first", name, sorted(payload)])
    return {"added": 1, "request_data": payload.get("request_data")}
def second(name, **payload):
    order.append(["second", name, payload.get("added")])
    if name == "request_started":
        mod_wsgi.event_callbacks.append(late)
        return {"application_object": replaced}
    return ["not a dictionary"]
def late(name, **payload):
    order.append(["late", name])
def replaced(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(["replaced", order]).encode()]
def application(environ, start_response):
    raise AssertionError("it was replaced")
for callback in (first, second):
    mod_wsgi.subscribe_events(callback)
"""


def test_results_are_merged_and_the_application_can_be_replaced(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/declared.py\n", mode, files={"declared.py": DECLARED})
    replaced, order = json.loads(server.get("/").body)
    assert replaced == "replaced"
    assert [entry[:2] for entry in order] == [
        ["first", "request_started"], ["second", "request_started"],
        ["first", "response_started"], ["second", "response_started"], ["late", "response_started"]]
    assert order[1][2] == 1, "what one returns is in the payload of the next"
    assert "added" not in order[0][2]


LATE = """
import json, mod_wsgi
seen = []
def note(name, **payload): seen.append([name, sorted(payload), payload.get("request_id")])
def application(environ, start_response):
    if environ["PATH_INFO"] == "/by-hand":
        mod_wsgi.event_callbacks.append(note)
    elif environ["PATH_INFO"] == "/subscribe":
        mod_wsgi.subscribe_events(note)
    start_response("200 OK", [])
    return [json.dumps(seen).encode()]
"""


@pytest.mark.parametrize("path", ["/subscribe", "/by-hand"])
def test_the_request_that_subscribes_is_told_of_its_rest(serve, mode, path):
    server = serve("WSGIScriptAlias / ${ROOT}/late.py\n", mode, files={"late.py": LATE})
    server.get(path)
    seen = []
    processes.wait_until(lambda: seen.extend(json.loads(server.get("/").body)) or len(seen) > 3)
    assert [entry[0] for entry in seen[:3]] == ["response_started", "request_finished", "request_started"]
    assert set(seen[0][1]) == RESPONSE and set(seen[1][1]) == FINISHED, "no CPU time: it was not known at the start"
    assert seen[0][2] == seen[1][2] != seen[2][2]


RAISING = """
import mod_wsgi
@mod_wsgi.subscribe_events
def broken(name, **payload): raise ValueError("no good at " + name)
@mod_wsgi.subscribe_events
def leaving(name, **payload): raise SystemExit(3)
mod_wsgi.event_callbacks.append("not even callable")
@mod_wsgi.subscribe_events
def last(name, **payload): print("told of", name)
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"served"]
"""


def test_a_subscriber_that_raises_is_logged_and_the_others_are_told(serve, mode):
    server = serve("WSGIScriptAlias / ${ROOT}/raising.py\n", mode, files={"raising.py": RAISING})
    assert server.get("/").body == b"served"
    for name in ("request_started", "response_started", "request_finished"):
        server.wait_for_log(rf"told of {name}")
        server.wait_for_log(rf"ValueError exception raised by event callback for '{name}'$")
        server.wait_for_log(rf"SystemExit exception raised by event callback for '{name}'; ignored$")
        server.wait_for_log(rf"TypeError exception raised by event callback for '{name}'$")
        server.wait_for_log(rf"ValueError: no good at {name}")


def test_a_replacement_that_cannot_be_called_fails_like_an_application(serve, mode):
    script = """import mod_wsgi
@mod_wsgi.subscribe_events
def spoil(name, **payload): return {"application_object": None}
def application(environ, start_response): return []
"""
    server = serve("WSGIScriptAlias / ${ROOT}/spoilt.py\n", mode, files={"spoilt.py": script})
    assert server.get("/").status == 500
    server.wait_for_log("TypeError exception raised processing WSGI script")


TOLD = """
import mod_wsgi, os, threading, time
def say(text): print(mod_wsgi.application_group or "main", text)
@mod_wsgi.subscribe_signals
def hear(name, **payload): say(f"heard {name} {sorted(payload.items())} {threading.current_thread() is main}")
@mod_wsgi.subscribe_shutdown
def ends(name, **payload): say(f"ends {name} {sorted(payload.items())}")
@mod_wsgi.subscribe_events
def event(name, **payload):
    if name.startswith("process_"): say(f"event {name}")
main = threading.main_thread()
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        say("is slow")
        time.sleep(1.5)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
BOTH = ("WSGIScriptAlias /main ${ROOT}/told.py application-group=%{GLOBAL}\n"
        "WSGIScriptAlias /other ${ROOT}/told.py application-group=other\n")


@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR2"])
def test_signals_reach_every_interpreter_of_a_daemon(serve, name):
    server = serve(BOTH, "daemon", files={"told.py": TOLD})
    pid = int(server.get("/main").body)
    server.get("/other")
    number = int(getattr(signal, name))
    os.kill(pid, number)
    for group in ("main", "other"):
        server.wait_for_log(rf"{group} heard process_signal \[\('signame', '{name}'\), \('signum', {number}\)\]")
        server.wait_for_log(rf"{group} event process_signal")
    assert int(server.get("/main").body) == pid, "the process goes on"


def test_signals_come_in_their_order_and_one_at_a_time(serve):
    script = """import mod_wsgi, os, time
@mod_wsgi.subscribe_signals
def hear(name, signame, signum):
    print("enter", signame)
    time.sleep(0.1)
    print("leave", signame)
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
    server = serve("WSGIScriptAlias / ${ROOT}/order.py\n", "daemon", files={"order.py": script})
    pid = int(server.get("/").body)
    for number in (signal.SIGUSR2, signal.SIGHUP):
        os.kill(pid, number)
        server.wait_for_log(f"enter {number.name}")
        os.kill(pid, number)
    processes.wait_until(lambda: server.log().count("leave SIG") == 4)
    said = re.findall(r"(enter|leave) (SIG\w+)", server.log())
    assert said[0::2] == [("enter", name) for _, name in said[1::2]], said
    assert [name for _, name in said[0::2]] == ["SIGUSR2", "SIGUSR2", "SIGHUP", "SIGHUP"]


def test_subscribe_signals_in_embedded_mode_says_that_it_does_nothing(serve):
    server = serve("WSGIScriptAlias / ${ROOT}/told.py\n", files={"told.py": TOLD})
    assert server.get("/").status == 200
    server.wait_for_log(r"\[wsgi:info\].*subscribe_signals has no effect")
    server.wait_for_log(r"told\.py\", line \d+, in <module>")


def test_the_end_is_told_in_every_interpreter(serve, mode):
    server = serve(BOTH, mode, files={"told.py": TOLD})
    for path in ("/main", "/other"):
        assert server.get(path).status == 200
    server.stop()
    reason = "shutdown_signal" if mode == "daemon" else ""
    for group in ("main", "other"):
        assert server.log().count(f"{group} ends process_stopping [('shutdown_reason', '{reason}')]") == 1
        assert server.log().count(f"{group} event process_stopping") == 1


def test_the_end_is_told_without_the_end_of_interpreters(serve, mode):
    server = serve("WSGIDestroyInterpreter Off\n" + BOTH, mode, files={"told.py": TOLD})
    assert server.get("/main").status == 200
    server.stop()
    assert "main ends process_stopping" in server.log()


@pytest.mark.parametrize("options, cause, reason", [
    ("threads=2 maximum-requests=2", None, "maximum_requests"),
    ("threads=2", signal.SIGTERM, "shutdown_signal"),
    ("threads=2", signal.SIGUSR1, "graceful_signal"),
    ("threads=2", "touch", "script_reload"),
])
def test_the_reason_of_an_end(serve, options, cause, reason):
    server = serve("WSGIScriptAlias / ${ROOT}/told.py\n", "daemon", options, files={"told.py": TOLD})
    pid = int(server.get("/").body)
    if cause == "touch":
        server.write("told.py", TOLD + "\n# changed")
        server.get("/")
    elif cause:
        os.kill(pid, cause)
    else:
        server.get("/")
    server.wait_for_log(rf"pid {pid}:.*ends process_stopping \[\('shutdown_reason', '{reason}'\)\]")


def test_the_end_is_told_before_running_requests_are_waited_for(serve):
    server = serve("WSGIScriptAlias / ${ROOT}/told.py\n", "daemon", files={"told.py": TOLD})
    pid = int(server.get("/").body)
    with server.connect() as slow:
        slow.start("GET", "/slow")
        server.wait_for_log("is slow")
        os.kill(pid, signal.SIGTERM)
        server.wait_for_log(r"ends process_stopping")
        assert slow.finish().body == str(pid).encode()


def test_a_daemon_that_sent_the_request_back_is_counted(serve):
    script = """import mod_wsgi, json
found = {}
@mod_wsgi.subscribe_events
def note(name, **payload):
    if name == "request_started":
        found.update({key: payload[key] for key in ("daemon_connects", "daemon_restarts")})
def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(found).encode()]
"""
    server = serve("WSGIScriptAlias / ${ROOT}/counted.py\n", "daemon", files={"counted.py": script})
    assert json.loads(server.get("/").body) == {"daemon_connects": 1, "daemon_restarts": 0}
    server.write("counted.py", script + "\n# changed")
    assert json.loads(server.get("/").body) == {"daemon_connects": 2, "daemon_restarts": 1}
