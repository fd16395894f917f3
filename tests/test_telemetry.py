"""WSGITelemetryService, WSGISlowRequests, WSGITelemetryOptions: what a service receives, decoded by the specification."""

import os
import signal
import time
from contextlib import contextmanager

import pytest
from support import processes
from support.processes import wait_until
from support.telemetry import GC_EVENT, GC_STATE, SAMPLE, SLOW, STARTED, STOPPED, STOPPING, Service

SCRIPT = "WSGIScriptAlias / ${APPS}/measured.py\n"
TELEMETRY = "WSGITelemetryService unix:${ROOT}/data/telemetry interval=0.5\nWSGIApplicationGroup %{GLOBAL}\n"
PHASES = {"embedded": [0, 3, 4, 5, 6, 7], "daemon": [0, 1, 2, 3, 4, 5, 6, 7]}


@pytest.fixture
def observed(serve):
    """Starts a server whose telemetry arrives; the result is the server and the service."""
    services = []

    def start(mode, conf="", options="threads=3", workers=3, **settings):
        server = serve(TELEMETRY + conf + SCRIPT, mode, options, run=False, threads=workers, **settings)
        services.append(Service(server.root / "data" / "telemetry"))
        return server.start(), services[-1]

    yield start
    for service in services:
        service.close()


def pid_of(server):
    return int(server.get("/pid").body)


def samples(service, pid, count):
    """The first samples of a process, once there are so many."""
    wait_until(lambda: len(service.of(SAMPLE, pid=pid)) >= count, 20, f"{count} samples")
    return service.of(SAMPLE, pid=pid)


def sums(service, pid, number):
    return sum(report[number] for report in service.of(SAMPLE, pid=pid))


def test_a_process_says_that_it_has_started(observed, mode):
    server, service = observed(mode)
    pid = pid_of(server)
    started = service.wait(STARTED, pid=pid)
    assert started[1] == "6.1.1" and started[2].startswith("3.") and started[3].startswith("Apache/2.4.")
    assert (started[4], started[5], started[7]) == ("event", os.uname().nodename, server.pid)
    assert started.get(6) == ("app" if mode == "daemon" else None)
    assert started[13] == pytest.approx(0.005) and started.sequence == 1
    assert abs(started.stamp - time.time()) < 60
    server.wait_for_log("Telemetry reporter started; target='unix:.*/data/telemetry', interval=0.500s")


def test_samples_come_at_each_interval(observed, mode):
    server, service = observed(mode)
    pid = pid_of(server)
    found = samples(service, pid, 3)
    for sample in found:
        assert (sample[1], sample[7], sample[11], sample[12]) == ("6.1.1", server.pid, 0.5, 0.0)
        assert 0 < sample[10] < 60 and sample[40] > 1 << 20 and sample[41] > 1 << 20
        assert sample[50] == 3 and 0 <= sample[52] <= sample[51] <= 3 and 0 <= sample[22] <= 1
        assert sample[21] == pytest.approx(sample[20] / sample[10])
        assert sample[32] == pytest.approx(sample[30] + sample[31])
        assert sum(sample[number] for number in range(120, 125)) == sample[20] == sum(sample[110])
        assert [number for number in range(8) if 60 + number in sample] == PHASES[mode]
        for phase in PHASES[mode]:
            assert len(sample[90 + phase]) == 65 and (sum(sample[90 + phase]) == sample[20])
            assert (70 + phase in sample) == (80 + phase in sample) == (sample[20] > 0)
        assert [len(sample[number]) for number in range(110, 115)] == [3] * 5
    numbers = [report.sequence for report in service.of(*range(1, 10), pid=pid)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1)), "none is lost, none is sent twice"


def test_requests_are_counted_once(observed, mode):
    server, service = observed(mode)
    pid = pid_of(server)
    for path in ("/pid", "/missing", "/raise"):
        server.get(path)
    server.post("/pid", b"x" * 1000)
    wait_until(lambda: sums(service, pid, 20) == 5, 20, "five requests")
    samples(service, pid, len(service.of(SAMPLE, pid=pid)) + 2)
    assert [sums(service, pid, number) for number in (20, *range(120, 125))] == [5, 0, 3, 0, 1, 1]
    assert sums(service, pid, 100) == 1000 and sums(service, pid, 101) >= 1
    assert sums(service, pid, 102) >= 3 and sums(service, pid, 103) >= 4


def test_a_running_request_is_busy(observed, mode):
    server, service = observed(mode)
    pid = pid_of(server)
    with server.connect() as connection:
        connection.start("GET", "/slow")
        busy = service.wait(SAMPLE, pid=pid, where=lambda sample: max(sample[113]) > 0.6)
        assert busy[20] == 0 and busy[52] == 1 and busy[22] > 0.1 and max(busy[111]) > 0.2
        server.write("data/go", "")
        assert connection.finish().status == 200
    done = service.wait(SAMPLE, pid=pid, where=lambda sample: max(sample[114]) > 0.6)
    assert done[20] == 1 and max(done[111]) <= done[10] + 0.1
    assert done[83] > 0.6 and done[84] >= done[83]


def test_slow_requests_are_told_while_they_run_and_at_their_end(observed, mode):
    server, service = observed(mode, "WSGISlowRequests 0.7\n")
    pid = pid_of(server)
    with server.connect() as connection:
        connection.start("POST", "/slow/%C3%A4?secret=1", [("User-Agent", "curious"), ("Content-Length", "5")])
        connection.send(b"12345")
        wait_until(lambda: len(service.of(SLOW, pid=pid)) >= 2, 20, "two reports of the running request")
        running = service.of(SLOW, pid=pid)
        server.write("data/go", "")
        assert connection.finish().status == 200
    done = service.wait(SLOW, pid=pid, where=lambda slow: slow[200] == 1)
    for slow in [*running, done]:
        assert [slow.get(number) for number in range(210, 217)] == [
            "POST", "http", "127.0.0.1", None, "/slow/ä", "HTTP/1.1", "127.0.0.1"]  # fmt: skip
        assert 217 not in slow and slow[203] >= 1 and slow[205] in server.httpd_children()
        assert slow[204] and slow[204] == done[204] and slow[201] == done[201] and abs(slow[201] - time.time()) < 60
        assert slow[230] == 5 and slow[260] in (1, 2), "the request before may be about to end"
    assert all((slow[200], slow[240], slow[250]) == (0, 0, 0.0) for slow in running)
    assert running[1][202] > running[0][202] > 0.7 and done[202] > running[1][202]
    assert (done[240], done[261], done[233]) == (200, 1, 1) and done[223] > 0.7
    assert (221 in done) == (222 in done) == (mode == "daemon")
    assert b"secret" not in service.raw and b"curious" not in service.raw


def test_the_user_agent_is_sent_if_wanted(observed, mode):
    server, service = observed(mode, "WSGISlowRequests 0.01\nWSGITelemetryOptions +CaptureUserAgent\n")
    pid = pid_of(server)
    with server.connect() as connection:
        connection.start("GET", "/slow?secret", [("User-Agent", "curious/" + "x" * 1000)])
        slow = service.wait(SLOW, pid=pid, where=lambda slow: slow[214] == "/slow")
        server.write("data/go", "")
        connection.finish()
    assert len(slow[217]) == 511 and slow[217].startswith("curious/xxx") and slow[217].endswith("x...")
    assert b"secret" not in service.raw


def test_long_texts_are_cut(observed, mode):
    server, service = observed(mode, "WSGISlowRequests 0.01\n")
    with server.connect() as connection:
        connection.start("GET", "/slow" + "/long" * 200, [("User-Agent", "curious")])
        slow = service.wait(SLOW)
        server.write("data/go", "")
        connection.finish()
    assert len(slow[214]) == 511 and slow[214].startswith("/slow/long/") and slow[214].endswith("...")


def test_at_most_sixteen_running_requests_are_told(observed):
    server, service = observed("daemon", "WSGISlowRequests 0.01\n", "threads=20", workers=20)
    pid = pid_of(server)
    connections = [server.connect() for _ in range(18)]
    try:
        for connection in connections:
            connection.start("GET", "/slow")
        full = service.wait(SAMPLE, pid=pid, where=lambda sample: sample[52] >= 18 and min(sorted(sample[113])[2:]) > 0.1)
        after = service.wait(SAMPLE, pid=pid, where=lambda sample: sample.sequence > full.sequence)
        told = service.of(SLOW, pid=pid, where=lambda slow: full.sequence < slow.sequence < after.sequence and slow[200] == 0)
        assert len(told) == 16 and len({slow[203] for slow in told}) == 16
        server.write("data/go", "")
        assert all(connection.finish().status == 200 for connection in connections)
    finally:
        for connection in connections:
            connection.close()

    def ended():
        return {slow[204] for slow in service.of(SLOW, pid=pid) if slow[200] == 1 and slow[214] == "/slow"}

    wait_until(lambda: len(ended()) == 18, 20, "the end of each")


def test_without_a_threshold_no_request_is_slow(observed, mode):
    server, service = observed(mode, "WSGISlowRequests 0\n")
    pid = pid_of(server)
    server.write("data/go", "")
    server.get("/slow")
    wait_until(lambda: sums(service, pid, 20) == 2, 20, "both requests")
    assert not service.of(SLOW)


def test_collectors_of_all_interpreters(observed, mode):
    server, service = observed(mode, "WSGIScriptAlias /other ${APPS}/measured.py application-group=other\n")
    pid = pid_of(server)
    server.get("/other/gc")
    server.get("/gc")
    for name in (None, "other"):
        event = service.wait(GC_EVENT, pid=pid, where=lambda event: event[322] == 2 and event.get(8) == name)
        assert abs(event[320] - time.time()) < 60 and 0 <= event[321] < 10 and event[323] >= 0 and event[324] >= 0
        state = service.wait(GC_STATE, pid=pid, where=lambda state: state.get(8) == name and state[308] >= 1)
        assert set(range(300, 318)) <= set(state.fields)
        assert state[303] > 0 and state[315] == 1 and state[317] == 0


@pytest.mark.parametrize("minor", [10, 12, 13, 14])
def test_every_python(observed, python, minor):
    own = "WSGIPerInterpreterGIL On\n" if minor >= 13 else ""
    conf = own + "WSGIScriptAlias /other ${APPS}/measured.py application-group=other\n"
    server, service = observed("daemon", conf, f"threads=3 python-home={python(minor)}")
    pid = pid_of(server)
    server.get("/other/gc")
    assert service.wait(STARTED, pid=pid)[2].startswith(f"3.{minor}.")
    service.wait(GC_EVENT, pid=pid, where=lambda event: event[322] == 2 and event.get(8) == "other")
    state = service.wait(GC_STATE, pid=pid, where=lambda state: 8 not in state)
    assert state[300] < 1 << 32 and state[303] > 0 and state[315] == 1
    wait_until(lambda: sums(service, pid, 20) == 2, 20, "both requests")


def test_events_of_a_collector_are_bounded(observed):
    """64 at each interval, 256 kept: the rest is counted as dropped."""
    server, service = observed("daemon", "WSGIScriptAlias /storm ${ROOT}/storm.py\n")
    server.write("storm.py", STORM)
    pid = int(server.get("/storm").body)

    def events():
        return [event.stamp for event in service.of(GC_EVENT, pid=pid, where=lambda event: event[322] == 0)]

    wait_until(lambda: len(events()) >= 256, 30, "events")
    dropped = service.of(GC_STATE, pid=pid)[-1][317]
    assert 0 < dropped <= 2000 - 256 and len(events()) + dropped >= 2000
    stamps = [state.stamp for state in service.of(GC_STATE, pid=pid)]
    for begin, end in zip(stamps, stamps[1:]):
        assert len([stamp for stamp in events() if begin <= stamp < end]) <= 64


STORM = '''"""Collects two thousand times."""
import gc
import os


def application(environ, start_response):
    for _ in range(2000):
        gc.collect(0)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
'''


@contextmanager
def stopped_for(service, pid, reason):
    """What a process says about its end, which the body brings about."""
    yield
    stopping, stopped = service.wait(STOPPING, pid=pid), service.wait(STOPPED, pid=pid)
    assert stopping.sequence < stopped.sequence and stopping.get(130) == stopped.get(130) == reason
    assert stopped[131] > 0 and stopped[132] >= 1 and (stopped[134], stopped[135]) == (0, 1)
    assert service.of(SAMPLE, pid=pid)[-1].sequence < stopped.sequence
    assert len(service.of(STOPPING, STOPPED, pid=pid)) == 2


def test_the_end_of_a_daemon_process(observed):
    server, service = observed("daemon")
    pid = pid_of(server)
    with stopped_for(service, pid, "graceful_signal"):
        server.graceful()
    pid = pid_of(server)
    with stopped_for(service, pid, "shutdown_signal"):
        os.kill(pid, signal.SIGTERM)
    pid = wait_until(lambda: pid_of(server), 20)
    with stopped_for(service, pid, "script_reload"):
        server.write("apps/measured.py", (server.root / "apps" / "measured.py").read_text() + "\n")
        os.utime(server.root / "apps" / "measured.py", (1, 1))
        wait_until(lambda: pid_of(server) != pid, 20, "another process")


@pytest.mark.parametrize("option, reason", [
    ("maximum-requests=3", "maximum_requests"), ("restart-interval=2", "restart_interval"),
    ("inactivity-timeout=2", "inactivity_timeout")])  # fmt: skip
def test_limits_are_reasons(observed, option, reason):
    server, service = observed("daemon", options=f"threads=3 {option}")
    pid = pid_of(server)
    with stopped_for(service, pid, reason):
        if reason == "maximum_requests":
            wait_until(lambda: pid_of(server) != pid, 20, "another process")


def test_the_end_of_an_httpd_child(observed):
    server, service = observed("embedded")
    pid = pid_of(server)
    with stopped_for(service, pid, None):
        server.graceful()


@pytest.mark.parametrize("mpm", ["prefork", "worker"])
def test_other_mpms(observed, mode, mpm):
    server, service = observed(mode, "WSGISlowRequests 0.01\n", mpm=mpm)
    pid = pid_of(server)
    assert service.wait(SAMPLE, pid=pid, where=lambda sample: sample[20] == 1)[4] == mpm
    server.graceful()
    service.wait(STOPPED, pid=pid)


def test_requests_that_are_cut_are_told(observed):
    server, service = observed("daemon", options="threads=3 shutdown-timeout=1")
    pid = pid_of(server)
    with server.connect() as connection:
        connection.start("GET", "/slow")
        service.wait(SAMPLE, pid=pid, where=lambda sample: sample[52] == 1 and max(sample[113]) > 0)
        os.kill(pid, signal.SIGTERM)
        assert service.wait(STOPPING, pid=pid)[133] == 1
        stopped = service.wait(STOPPED, pid=pid)
        assert (stopped[134], stopped[135], stopped[130]) == (1, 0, "shutdown_signal")
        connection.finish()


def test_samples_go_on_while_the_gil_is_stuck(observed):
    server, service = observed("daemon", "WSGIScriptAlias /stuck ${ROOT}/stuck.py\n")
    pid = pid_of(server)
    server.write("stuck.py", STUCK)
    with server.connect() as connection:
        connection.start("GET", "/stuck")
        stuck = service.wait(SAMPLE, pid=pid, where=lambda sample: max(sample[113]) > 1.5)
        assert stuck[52] == 1
        assert connection.finish().body == b"done"


STUCK = '''"""Keeps the GIL for three seconds."""
import ctypes


def application(environ, start_response):
    ctypes.PyDLL(None).usleep(3_000_000)
    start_response("200 OK", [])
    return [b"done"]
'''


def test_the_application_gets_no_metrics_meanwhile(observed, mode):
    server, service = observed(mode)
    assert server.get("/metrics").text == "[null, null]"
    service.wait(SAMPLE)


def test_nobody_listens(serve, mode):
    server = serve(TELEMETRY + SCRIPT, mode, "threads=2")
    pid_of(server)
    place = server.root / "data" / "telemetry"
    server.wait_for_log(f"telemetry cannot be sent to {place}: No such file.* start it, or correct WSGITelemetryService")
    with Service(place) as service:
        pid = pid_of(server)
        assert service.wait(SAMPLE, pid=pid).sequence > 1, "the gap shows what was lost"
    server.wait_for_log(f"telemetry cannot be sent to {place}: Connection refused")
    assert pid_of(server) == pid
    place.unlink()
    with Service(place) as service:
        service.wait(SAMPLE, pid=pid)
    assert server.log().count("No such file") <= len(processes.descendants(server.pid)), "once in each process"


def test_a_path_that_is_too_long_is_refused(serve):
    server = serve(TELEMETRY.replace("telemetry", "t" * 120) + SCRIPT, run=False)
    refused = server.configtest()
    assert refused.returncode != 0
    assert "WSGITelemetryService" in refused.stderr and "at most 107 bytes" in refused.stderr


@pytest.mark.root
def test_a_socket_that_may_not_be_written_is_explained(serve, mode):
    server = serve(TELEMETRY + SCRIPT, mode, "threads=2", run=False)
    with Service(server.root / "data" / "telemetry") as service:
        os.chmod(server.root / "data" / "telemetry", 0o600)
        server.start()
        assert pid_of(server)
        server.wait_for_log("Permission denied.*the user of this process must be able to write to the socket")
        assert not service.of(STARTED)


def test_a_service_that_does_not_read_holds_nothing_up(serve, mode):
    import socket

    server = serve(TELEMETRY + SCRIPT, mode, "threads=2", run=False)
    place = server.root / "data" / "telemetry"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(place))
        place.chmod(0o666)
        server.start()
        assert all(pid_of(server) for _ in range(50))
    assert "telemetry cannot" not in server.log()


def test_no_reporter_where_python_does_not_run(observed):
    server, service = observed("daemon", options="threads=1", children=2)
    pid = pid_of(server)
    service.wait(SAMPLE, pid=pid)
    assert {report.pid for report in service.of(STARTED, SAMPLE)} == {pid}
