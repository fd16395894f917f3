"""mod_wsgi.server_metrics(): httpd's scoreboard, in both modes, behind its switch."""

import json
import os
import time

import pytest
from support import processes
from support.processes import wait_until

GROUP = "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / ${APPS}/measured.py\n"
TOP = {"server_limit", "thread_limit", "running_generation", "restart_time", "current_time", "running_time", "processes"}
PROCESS = {"process_num", "pid", "generation", "quiescing", "workers"}
WORKER = {"thread_num", "generation", "status", "access_count", "bytes_served", "start_time", "stop_time", "last_used",
          "client", "request", "vhost"}  # fmt: skip


def opened(mode):
    """The switch of a mode: in the configuration, and among the options of the group."""
    return ("WSGIServerMetrics On\n", "threads=4") if mode == "embedded" else ("", "threads=4 server-metrics=On")


@pytest.fixture
def measured(serve, mode):
    """A server with the switch on."""
    switch, options = opened(mode)
    return serve("ExtendedStatus On\n" + switch + GROUP, mode, options, threads=3, children=2)


def metrics(server):
    return json.loads(server.get("/server?secret").body)


def running(server):
    """The processes that the scoreboard shows with living threads."""
    found = metrics(server)["processes"]
    return {process["pid"] for process in found if any(worker["status"] != "." for worker in process["workers"])}


def test_every_slot_is_listed(measured):
    found = metrics(measured)
    assert set(found) == TOP
    assert (found["server_limit"], found["thread_limit"], found["running_generation"]) == (8, 3, 0)
    assert found["restart_time"] <= found["current_time"] <= time.time() + 1
    assert found["running_time"] == int(found["current_time"] - found["restart_time"])
    assert [process["process_num"] for process in found["processes"]] == list(range(8))
    for process in found["processes"]:
        assert set(process) == PROCESS and process["quiescing"] in (False, True)
        assert [worker["thread_num"] for worker in process["workers"]] == list(range(3))
        for worker in process["workers"]:
            assert set(worker) == WORKER and worker["status"] in "._SRWKLDCGI"


def test_running_processes_are_shown(measured):
    shown = running(measured)
    assert len(shown) >= 2 and shown <= set(measured.httpd_children())


def test_the_asking_request_is_shown(measured):
    workers = [worker for process in metrics(measured)["processes"] for worker in process["workers"]]
    asking = [worker for worker in workers if worker["status"] == "W"]
    assert asking and asking[0]["request"] == "GET /server?secret HTTP/1.1"
    assert asking[0]["client"] == "127.0.0.1" and asking[0]["vhost"].startswith("localhost")
    assert all(worker["start_time"] <= time.time() + 1 for worker in workers)

    def served():
        found = [worker for process in metrics(measured)["processes"] for worker in process["workers"]]
        return sum(worker["access_count"] for worker in found) >= 1 and sum(worker["bytes_served"] for worker in found)

    wait_until(served, 10, "counted requests")


def test_without_the_switch_there_is_none(serve, mode):
    switch = "WSGIServerMetrics On\n" if mode == "daemon" else ""  # each mode has its own
    server = serve(switch + GROUP, mode)
    assert metrics(server) is None


def test_a_switch_that_is_off(serve, mode):
    switch, options = opened(mode)
    server = serve(switch.replace("On", "Off") + GROUP, mode, options.replace("On", "Off"))
    assert metrics(server) is None


def test_without_extended_status_what_is_there_is_shown(serve, mode):
    switch, options = opened(mode)
    server = serve("ExtendedStatus Off\n" + switch + GROUP, mode, options)
    assert len(metrics(server)["processes"]) == 4


def test_it_answers_after_graceful_restarts(measured):
    metrics(measured)
    for generation in (1, 2):
        measured.graceful()
        wait_until(lambda: (metrics(measured) or {}).get("running_generation") == generation, 20, "the generation")


def test_graceful_switches_it_on_and_off(serve):
    server = serve("WSGIDaemonProcess app threads=2\nWSGIProcessGroup app\n" + GROUP)
    assert metrics(server) is None
    server.reconfigure("threads=2", "threads=2 server-metrics=On")
    server.graceful()
    wait_until(lambda: metrics(server), 20, "metrics")
    server.reconfigure(" server-metrics=On", "")
    server.graceful()
    wait_until(lambda: metrics(server) is None, 20, "no metrics")


@pytest.mark.parametrize("mpm", ["prefork", "worker"])
def test_other_mpms(serve, mode, mpm):
    switch, options = opened(mode)
    server = serve(switch + GROUP, mode, options, mpm=mpm)
    shown = running(server)
    assert shown and shown <= set(server.httpd_children())


def test_many_questions_at_once(measured):
    def ask(connection):
        return json.loads(connection.request("GET", "/server").body)

    connections = [measured.connect() for _ in range(4)]
    try:
        for _ in range(10):
            for connection in connections:
                connection.start("GET", "/server")
            assert all(json.loads(connection.finish().body)["processes"] for connection in connections)
    finally:
        for connection in connections:
            connection.close()


def test_children_end_as_before(serve):
    """The thread that answers does not keep a child from its end."""
    server = serve("WSGIDaemonProcess app server-metrics=On\nWSGIProcessGroup app\n" + GROUP, children=2)
    before = running(server)
    server.graceful()
    wait_until(lambda: not any(map(processes.alive, before)), 20, "the end of the old children")
    assert metrics(server)
    assert "panic" not in server.log()


def threads(pid):
    names = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm", encoding="ascii") as file:
            names.append(file.read().strip())
    return names


def test_children_have_the_thread_only_if_a_group_wants_it(serve):
    server = serve("WSGIDaemonProcess app\nWSGIProcessGroup app\n" + GROUP)
    server.get("/pid")
    assert not any("wsgi-questions" in threads(pid) for pid in server.httpd_children())
    server.reconfigure("WSGIDaemonProcess app", "WSGIDaemonProcess app server-metrics=On")
    server.graceful()
    wait_until(lambda: any("wsgi-questions" in threads(pid) for pid in server.httpd_children()), 20, "the thread")


def test_a_forked_copy_has_no_way_to_httpd(measured):
    assert json.loads(measured.get("/fork").body) is None
    assert metrics(measured)
