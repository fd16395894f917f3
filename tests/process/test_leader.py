"""A leader and its workers: ends, reloads, generations, the end of httpd."""

import os
import signal
import subprocess
import time

import pytest
import wire
from group import INTERPRETER, alive, until

VERSION = """
import os, time
VERSION = {version}
def application(environ, start_response):
    time.sleep(float(environ["QUERY_STRING"] or 0))
    start_response("200 OK", [])
    return [b"%d" % VERSION]
"""


def version(number):
    return VERSION.format(version=number)


def sleeping(seconds):
    return {"environ": {"QUERY_STRING": str(seconds)}}


def test_a_killed_worker_is_recorded_and_replaced(group):
    site = group(version(1))
    site.ready()
    assert site.get().body == b"1"
    connection = site.send(**sleeping(20))
    until(lambda: site.area.slot(0, "busy") == 1, "the request")
    pid = site.workers()[0]
    os.kill(pid, signal.SIGKILL)
    assert wire.Response(connection).whole().outcome is None
    assert until(lambda: site.area.exit_of(pid), "the record", 1) == signal.SIGKILL
    until(lambda: site.workers() not in ([], [pid]), "the replacement", 2)
    site.ready()
    assert site.get().body == b"1"
    assert f"process {pid} in slot 0 was killed by signal 9 (SIGKILL), no core dumped" in site.errors()


def test_a_ticket_of_a_killed_worker_goes_back(group):
    site = group(version(1), threads=1)
    site.ready()
    busy = site.send(**sleeping(20))
    until(lambda: site.area.slot(0, "busy") == 1, "the request")
    waiting = site.connection(site.message(), site.slots[0][0])  # more than the worker has threads
    os.kill(site.workers()[0], signal.SIGKILL)
    assert wire.Response(busy).whole().outcome is None
    assert wire.Response(waiting).whole().reject == wire.REJECT_DRAINING


def test_a_touched_script_is_served_by_new_processes(group):
    site = group(version(1), processes=2)
    site.ready()
    old = set(site.workers())
    assert [site.get(slot=slot).body for slot in (0, 1)] == [b"1"] * 2
    running = wire.Response(site.send(flags=wire.RELOADING | wire.ANNOUNCE, **sleeping(1)))
    assert running.frame()[0] == wire.TAKEN
    site.script.write_text(version(22))
    os.utime(site.script, (1, 1))
    assert site.get().reject == wire.REJECT_RELOADING
    queued = [site.enqueue() for _ in range(8)]
    answers = [site.queued_get(connection) for connection in queued]
    assert [answer.body for answer in answers] == [b"22"] * 8
    assert running.whole().body == b"1", "a running request is finished by the old code"
    until(lambda: not any(alive(pid) for pid in old), "the end of the old processes")
    assert not old & {answer.pid for answer in answers}
    assert "has changed: replacing 2 processes" in site.errors()


def test_a_worn_worker_is_replaced_without_a_gap(group):
    site = group(version(1), maximum_requests=3)
    site.ready()
    pid = site.workers()[0]
    for _ in range(3):
        assert site.get().body == b"1"
    until(lambda: (now := site.workers()) and pid not in now, "the replacement")
    assert site.get().body == b"1"
    assert "maximum_requests" in site.errors()


def test_a_new_generation_takes_over_without_a_gap(group):
    site = group(version(1))
    site.ready()
    site.get()
    running = site.send(**sleeping(1.5))
    old_leader, old_worker = next(iter(site.leaders)), site.workers()[0]
    new_leader = site.start(previous=old_leader, generation=2)
    until(lambda: len(site.accepting()) and not site.area.slot(0, "accepting"), "the handover")
    assert site.get().body == b"1"
    assert wire.Response(running).whole().body == b"1"
    assert site.wait(old_leader) == 0
    assert not alive(old_worker)
    assert site.area.slot(1, "generation") == 2
    assert list(site.leaders) == [new_leader]


def test_a_generation_that_cannot_load_the_application_does_not_take_over(group):
    site = group(version(1))
    site.ready()
    site.get()
    site.script.write_text("raise SystemError('broken by a deployment')")
    site.start(previous=next(iter(site.leaders)), generation=2)
    until(lambda: "cannot start a process" in site.errors(), "the report")
    until(lambda: site.area.state == wire.OUTDATED, "the state")
    assert site.area.slot(0, "accepting") == 1 and "could not load" in site.area.failure
    site.script.write_text(version(3))
    until(lambda: site.accepting() == [1] and site.area.state == wire.RUNNING, "the handover")
    assert site.get().body == b"3"


def test_a_released_leader_goes_on_until_it_is_told(group):
    site = group(version(1))
    site.ready()
    leader = next(iter(site.leaders))
    site.say(leader, "Release")
    site.say(leader, "Adopt")
    assert site.get().body == b"1"
    site.say(leader, "Drain")
    assert site.wait(leader) == 0
    assert site.workers() == []


def test_a_stop_leaves_no_process(group):
    site = group(version(1), processes=2)
    site.ready()
    running = site.send(**sleeping(20))
    until(lambda: any(site.area.slot(n, "busy") for n in range(4)), "the request")
    assert site.stop() < 2.6
    assert wire.Response(running).whole().outcome is None


def test_a_stop_during_an_import(group, tmp_path):
    slow = tmp_path / "slow.wsgi"
    slow.write_text("import time; open(__file__ + '.loading', 'w'); time.sleep(20)")
    site = group(version(1), imports=[{"script": str(slow), "application_group": ""}])
    until((tmp_path / "slow.wsgi.loading").exists, "the import")
    assert site.stop() < 1


@pytest.fixture
def httpd():
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_workers_end_with_the_last_child_of_a_killed_httpd(group, httpd):
    site = group(version(1), httpd_pid=httpd.pid)
    site.ready()
    httpd.kill()
    httpd.wait()
    until(lambda: "the httpd parent is gone" in site.errors(), "the notice")
    assert site.get().body == b"1", "an orphaned child is still served"
    (leader,), workers = site.leaders, site.workers()
    for pair in (site.overflow, *site.slots):
        pair[0].close()
        pair[1].close()
    site.wait(leader, 3)
    assert not any(alive(pid) for pid in workers)


def test_workers_end_with_a_killed_leader(group):
    site = group(version(1))
    site.ready()
    (leader,), (worker,) = site.leaders, site.workers()
    os.kill(leader, signal.SIGKILL)
    site.wait(leader)
    site.start()
    until(lambda: not alive(worker), "the end of the worker", 7)
    site.ready()
    assert site.get().body == b"1"
    until(lambda: len(site.workers()) == 1, "the slot of the old worker")


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2", "SIGHUP"])
def test_a_signal_does_not_end_a_worker_that_is_loading(group, tmp_path, name):
    """Whoever signals all processes of a group meets those that have just been started, too."""
    script = tmp_path / "slow.py"
    script.write_text(f"import pathlib, time\npathlib.Path({str(tmp_path / 'loads')!r}).touch()\ntime.sleep(1)\n")
    site = group(version(1), imports=[{"script": str(script), "application_group": ""}])
    until((tmp_path / "loads").exists, "the import")
    (worker,) = site.workers()
    os.kill(worker, getattr(signal, name))
    site.ready()
    assert "cannot start" not in site.errors()
    assert site.get().body == b"1"


def test_what_a_worker_without_a_leader_showed_is_forgotten(group):
    site = group(version(1), shutdown_timeout=1)
    site.ready()
    connection = site.send(**sleeping(60))
    until(lambda: any(site.area.thread(0, number)[0] for number in range(1, 5)), "the request to show")
    old = site.area.slot(0, "pid")
    (leader,) = site.leaders
    os.kill(leader, signal.SIGKILL)
    site.wait(leader)
    site.start(request_timeout=1)
    until(lambda: site.area.slot(0, "pid") != old, "the slot of the old worker, free or another's", 10)
    assert not any(site.area.thread(0, number)[0] for number in range(1, 5))
    connection.close()


@pytest.mark.parametrize(
    ("interpreter", "words"),
    [
        ("/nowhere/bin/python3", "/nowhere/bin/python3 cannot be executed: No such file"),
        ("/etc/passwd", "cannot be executed: Permission denied"),
        ("/bin/false", "exited with status 1 before it was ready, and printed nothing"),
    ],
)
def test_an_interpreter_that_does_not_come_up_is_reported(group, interpreter, words):
    site = group(version(1), interpreter=interpreter)
    until(lambda: site.area.state == wire.FAILING, "the failure", 3)
    assert words in site.area.failure
    time.sleep(0.5)
    lines = [line for line in site.errors().splitlines() if "wsgi:error" in line]
    assert len(lines) == 1 and words in lines[0] and "'site'" in lines[0], lines


def test_what_a_dying_interpreter_prints_is_in_the_report(group, tmp_path):
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\necho 'Fatal Python error: no encodings' >&2\necho second line >&2\nexit 1\n")
    broken.chmod(0o755)
    site = group(version(1), interpreter=str(broken))
    until(lambda: site.area.state == wire.FAILING, "the failure", 5)
    words = "exited with status 1 before it was ready. It printed: Fatal Python error: no encodings | second line"
    assert words in site.area.failure
    assert "\nsecond line\n" in site.errors(), "as it was printed, too"


def test_a_host_that_cannot_be_loaded_is_reported(group, tmp_path):
    site = group(version(1), host=str(tmp_path / "nothing.so"))
    until(lambda: site.area.state == wire.FAILING, "the failure", 5)
    assert "nothing.so" in site.area.failure and INTERPRETER.rpartition("/")[2] in site.area.failure


def test_a_released_leader_leaves_with_its_last_sender(group):
    site = group(version(1))
    site.ready()
    (leader,), workers = site.leaders, site.workers()
    site.say(leader, "Release")
    for pair in (site.overflow, *site.slots):
        pair[0].close()
        pair[1].close()
    site.wait(leader, 3)
    assert not any(alive(pid) for pid in workers)


def test_another_contract_is_refused_for_good(group):
    site = group(version(1), start=False)
    leader = site.start(contract=99)
    assert os.waitstatus_to_exitcode(site.wait(leader)) == 78
    assert "/usr/lib/mod_wsgi.so speaks contract version 99" in site.errors()


def test_reservations_of_dead_children_are_taken_back(group):
    site = group(version(1), threads=2)
    site.ready()
    site.area.add(0, "reserved", 2)
    site.area.add_queued(3)
    until(lambda: site.area.slot(0, "reserved") == 0 and site.area.queued == 0, "the repair", 6)
    assert site.get().body == b"1"


def test_a_reload_that_is_called_off_is_shown(group):
    site = group(version(1), rolling=True)
    site.ready()
    assert site.get().body == b"1"
    site.script.write_text("raise ValueError('broken')\n")
    os.utime(site.script, (1, 1))
    assert site.get().body == b"1"
    until(lambda: site.area.state == wire.OUTDATED, "the end of the reload")
    assert str(site.script) in site.area.failure and "called off" in site.area.failure
    assert site.get().body == b"1"
    site.script.write_text(version(2))
    assert site.get().body == b"1", "it notices"
    until(lambda: site.accepting() == [1] and site.area.state == wire.RUNNING, "the mended code")
    assert site.get().body == b"2"
