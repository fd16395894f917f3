"""`request_metrics()` and `process_metrics()`: keys, units, what is counted, and who may ask.

tests/support/metrics.py holds the keys; docs/python-api.md is compared with them in test_api_docs.py.
"""

import threading
import time

import pytest
from support import processes
from support.ask import ask
from support.metrics import PHASES, PROCESS, REQUEST

GROUPS = ("WSGIScriptAlias /a ${APPS}/evaluate.py application-group=a\n"
          "WSGIScriptAlias /b ${APPS}/evaluate.py application-group=b\n"
          "WSGIScriptAlias /fails ${ROOT}/fails.py application-group=a\n"
          "WSGIScriptAlias /absent ${ROOT}/absent.py application-group=a\n")
FAILS = "def application(environ, start_response): raise ValueError('always')\n"


@pytest.fixture
def metered(serve, mode):
    """A server with two interpreters in one process."""
    return serve(GROUPS, mode, "threads=3", threads=3, files={"fails.py": FAILS})


def start(server):
    """Switches recording on, and forgets what was before."""
    assert ask(server, "mod_wsgi.start_recording_metrics()", "/a") is None
    settle(server)
    drain(server)


def drain(server, path="/a"):
    """request_metrics()"""
    return ask(server, "mod_wsgi.request_metrics()", path)


def settle(server):
    """Waits until no request is open but the one that asks: an answer may be here before its request is closed."""
    processes.wait_until(lambda: ask(server, "mod_wsgi.process_metrics()['active_requests']", "/a") == 1)


def test_nothing_is_told_before_recording(metered):
    assert drain(metered) is None and ask(metered, "mod_wsgi.process_metrics()", "/a") is None
    start(metered)
    assert set(drain(metered)) == set(REQUEST)
    assert set(ask(metered, "mod_wsgi.process_metrics()", "/a")) == set(PROCESS)


def test_types(metered, mode):
    start(metered)
    metered.get("/a", body=b"")
    found = drain(metered)
    for key, kind in {**REQUEST}.items():
        value = found[key]
        if mode == "embedded" and key.split("_time")[0] in ("queue", "daemon") and "buckets" not in key:
            assert value is None, key
        elif kind == "list of int":
            assert all(type(item) is int for item in value), key
        elif kind == "list of float":
            assert all(type(item) is float for item in value), key
        else:
            assert type(value).__name__ == kind, (key, value)
    for key in PHASES:
        assert len(found[f"{key}_buckets"]) == 65
    for key, kind in PROCESS.items():
        assert type(ask(metered, "mod_wsgi.process_metrics()", "/a")[key]).__name__ == kind, key


def test_an_interval_has_a_start_an_end_and_a_length(metered):
    start(metered)
    before = time.time()
    time.sleep(0.1)
    found = drain(metered)
    assert found["start_time"] <= before + 1 and found["stop_time"] <= time.time() + 1
    assert found["stop_time"] - found["start_time"] == pytest.approx(found["sample_period"], abs=0.05)
    assert found["sample_period"] >= 0.1
    again = drain(metered)
    assert again["start_time"] == pytest.approx(found["stop_time"], abs=1e-3)


def test_requests_are_counted_by_status_and_bytes(metered):
    start(metered)
    body = b"answer = 1" + b" " * 100_000
    assert metered.post("/a", body).status == 200
    assert [metered.get("/fails").status for _ in range(2)] == [500, 500]
    settle(metered)
    asked = ask(metered, "mod_wsgi.process_metrics()['threads']", "/a")
    settle(metered)
    found = drain(metered)
    others = found["status_2xx"] - 1  # the requests of settle() and the one that asks
    assert found["status_5xx"] == 2 and others > 0 and found["request_count"] == 3 + others
    assert [found[f"status_{n}xx"] for n in (1, 3, 4)] == [0, 0, 0]
    assert found["input_bytes"] > len(body) and found["input_reads"] > 1
    assert found["output_writes"] >= 1 and found["output_bytes"] >= 1
    assert found["request_throughput"] == pytest.approx(found["request_count"] / found["sample_period"])
    assert sum(entry["request_count"] for entry in asked) >= found["request_count"] - others
    assert sum(found["request_threads_completed"]) == found["request_count"]
    assert found["request_threads_buckets"] == found["request_threads_completed"]


def test_a_script_that_is_missing_counts_as_a_request_without_status(metered):
    start(metered)
    metered.write("absent.py", "syntax error\n")
    assert metered.get("/absent").status == 500
    settle(metered)
    found = drain(metered)
    statuses = sum(found[f"status_{n}xx"] for n in range(1, 6))
    assert found["request_count"] == statuses + 1


def test_phases(metered, mode):
    start(metered)
    ask(metered, "import time; time.sleep(0.3)", "/a")
    settle(metered)
    found = drain(metered)
    assert found["application_time_max_us"] >= 300_000
    assert found["application_time_min_us"] < 300_000
    assert 0 < found["application_time"] < 0.3
    parts = [found[f"{name}_time"] or 0.0 for name in ("server", "queue", "daemon", "application")]
    assert found["request_time"] == pytest.approx(sum(parts), abs=1e-5)
    reached = sum(found["application_time_buckets"])
    assert reached == found["request_count"]
    # 300 ms and more: octave 256..512 ms, from its first quarter on
    assert sum(found["application_time_buckets"][32:]) == 1
    for key in PHASES:
        is_missing = mode == "embedded" and key in ("queue_time", "daemon_time")
        assert sum(found[f"{key}_buckets"]) == (0 if is_missing else reached), key


def test_an_interval_without_a_request_has_no_extremes(metered):
    start(metered)
    both = ask(metered, "mod_wsgi.request_metrics(); answer = mod_wsgi.request_metrics()", "/a")
    assert both["request_count"] == 0 and both["application_time"] == 0.0
    assert both["application_time_min_us"] is None and both["gil_wait_time_max_us"] is None


def test_a_running_request_is_busy_time(metered):
    start(metered)
    sleeper = threading.Thread(target=ask, args=(metered, "import time; time.sleep(1)", "/b"))
    sleeper.start()
    try:
        processes.wait_until(lambda: ask(metered, "mod_wsgi.process_metrics()['active_requests']", "/a") == 2)
        drain(metered)
        time.sleep(0.2)
        found = drain(metered)
    finally:
        sleeper.join()
    assert max(found["request_threads_current_elapsed"]) >= 0.2
    assert max(found["request_threads_busy_time"]) >= 0.2
    assert 0.3 < found["capacity_utilization"] <= 1.0, "one of three threads, and the one that asks"
    assert found["request_threads_maximum"] == 3 and 2 <= found["request_threads_started"] <= 3
    assert found["request_threads_active"] >= 2
    settle(metered)
    found = drain(metered)
    assert max(found["request_threads_max_duration"]) >= 1.0 and max(found["request_threads_current_elapsed"]) < 1.0


def test_cpu_and_memory(metered):
    start(metered)
    found = ask(metered, """
        import time
        until = time.thread_time() + 0.2
        while time.thread_time() < until: pass
        answer = mod_wsgi.request_metrics()
    """, "/a")
    for mode in ("user_", "system_", ""):
        assert found[f"cpu_{mode}utilization"] == found[f"cpu_{mode}time"]
    assert found["cpu_utilization"] == pytest.approx(found["cpu_user_utilization"] + found["cpu_system_utilization"])
    assert 0.19 <= found["cpu_utilization"] * found["sample_period"]
    assert 1 << 20 < found["memory_rss"] <= found["memory_max_rss"]
    settle(metered)
    assert sum(drain(metered)["request_threads_cpu_time"]) >= 0.19, "booked when the request has ended"


def test_process_metrics_count_from_the_beginning(metered):
    for _ in range(3):
        ask(metered, "1", "/b")
    start(metered)

    def alone():  # an answer may be here before its request is closed
        found = ask(metered, "mod_wsgi.process_metrics()", "/a")
        return found if found["active_requests"] == 1 else None

    found = processes.wait_until(alone)
    assert found["request_count"] >= 5
    assert [entry["thread_id"] for entry in found["threads"]] == list(range(1, found["request_threads"] + 1))
    assert sum(entry["request_count"] for entry in found["threads"]) == found["request_count"] + 1
    assert found["pid"] == ask(metered, "__import__('os').getpid()", "/a")
    assert 0 <= found["running_time"] == int(found["current_time"] - found["restart_time"]) < 600
    assert found["cpu_time"] == pytest.approx(found["cpu_user_time"] + found["cpu_system_time"])
    assert found["cpu_time"] > 0 and found["request_busy_time"] > 0
    drain(metered)
    later = ask(metered, "mod_wsgi.process_metrics()", "/a")
    assert later["request_count"] > found["request_count"], "never drained"
    assert later["restart_time"] == found["restart_time"]


def test_interpreters_share_the_numbers(metered):
    start(metered)
    for _ in range(3):
        ask(metered, "1", "/b")
    settle(metered)
    found = drain(metered, "/b")
    assert found["request_count"] >= 4, "of both interpreters"
    assert drain(metered, "/a")["request_count"] <= 2, "one consumer for a process: what one has taken is gone"
    assert ask(metered, "mod_wsgi.start_recording_metrics()", "/b") is None
    assert drain(metered)["sample_period"] < 60


def test_a_forked_copy_has_no_numbers(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/evaluate.py application-group=%{GLOBAL}\n", mode)
    ask(server, "mod_wsgi.start_recording_metrics()")
    assert ask(server, """
        import os
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write, repr([mod_wsgi.request_metrics(), mod_wsgi.process_metrics()]).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        answer = os.read(read, 1000).decode()
    """) == "[None, None]"


def test_the_telemetry_service_is_the_consumer_where_it_is_configured(serve, mode):
    server = serve("WSGITelemetryService unix:${ROOT}/run/nobody-listens\n" + GROUPS, mode)
    assert ask(server, "mod_wsgi.start_recording_metrics()", "/a") is None
    assert drain(server) is None and ask(server, "mod_wsgi.process_metrics()", "/a") is None
