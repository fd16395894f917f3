"""processes=MIN-MAX: the number of processes follows the load, and no request is lost on the way."""

import os
import re
import signal
import threading

import pytest
from support import processes
from support.limited import begin, limited, pid, reason
from support.load import Load
from support.processes import wait_until

pytestmark = pytest.mark.ours

NAMES = '''"""What the application is told about its processes."""
import mod_wsgi
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr((mod_wsgi.maximum_processes, environ["wsgi.multiprocess"])).encode()]
'''
# Ends its process while it is loaded, as long as the file `broken` is there.
ENDS = '''"""Ends its process while it is loaded."""
import os
DATA = os.path.join(os.environ["MOD_WSGI_TEST"], "data")
if os.path.exists(DATA + "/broken"):
    os._exit(3)
'''


def workers(server):
    """The processes of the group that run, by what the log says of them."""
    started = map(int, re.findall(r"Starting process (\d+) in slot", server.log()))
    return [process for process in started if processes.alive(process)]


def sizes(server):
    """The numbers of processes that the group was given, in order."""
    found = re.findall(r"the group (?:grows|shrinks) to (\d+|no) process(?:es)?: ", server.log())
    return [0 if number == "no" else int(number) for number in found]


def settles(server, count, timeout=30):
    """Waits until so many processes are left."""
    wait_until(lambda: len(workers(server)) == count, timeout, f"{count} processes, not {workers(server)}")


def test_grows_while_requests_wait_and_shrinks_when_they_do_not(serve):
    server = limited(serve, "processes=1-3 threads=1 grow-after=100 shrink-after=2s")
    first = pid(server)
    assert workers(server) == [first]
    most = 0
    with Load(server, "/app/patient?0.1", clients=8) as load:

        def grown():
            nonlocal most
            most = max(most, len(workers(server)))
            return len(load.bodies) == 3

        wait_until(grown, 30, "requests in three processes")
        count = load.count
        wait_until(lambda: grown() and load.count > count + 60, 30, "more requests")
    with Load(server, "/app/pid", clients=1) as few:
        settles(server, 1)
    load.assert_clean(60)
    few.assert_clean(10)
    assert most == 3 and max(sizes(server)) == 3, sizes(server)
    assert sizes(server)[-2:] == [2, 1]
    left = {int(body) for body in load.bodies} - set(workers(server))
    assert [reason(server, process) for process in left] == ["surplus"] * 2
    log = server.log()
    assert re.search(r"the group grows to 2 processes: requests have waited for 0\.\d s, \d+ are in the queue, and 1 of 1 threads are busy", log)
    assert re.search(r"the group shrinks to 1 process: for \d+ s at most 1 requests ran at a time, .* 1 processes have 1 threads", log)
    assert re.search(r"Stopping process \d+ in slot \d+ after its requests: the group goes on with 1 process", log)


def test_steady_load_changes_nothing(serve):
    """One thread is busy nearly always, and somebody waits now and then."""
    server = limited(serve, "processes=1-4 threads=4 grow-after=200 shrink-after=1")
    with Load(server, "/app/patient?0.02", clients=4) as load:
        wait_until(lambda: load.count > 300, 60, "many requests")
    load.assert_clean()
    assert sizes(server) == []


def test_starts_on_demand_and_goes_to_sleep(serve):
    more = "WSGIScriptAlias /names ${ROOT}/names.py"
    server = limited(serve, "processes=0-2 threads=2 shrink-after=1", more=more, files={"names.py": NAMES})
    assert workers(server) == [], "nobody has asked"
    seen = []
    for turn in range(3):
        seen.append(pid(server))
        wait_until(lambda turn=turn: len(sizes(server)) == 2 * turn + 2, 20, "the group to shrink")
        settles(server, 0)
    assert len(set(seen)) == 3 and sizes(server) == [1, 0] * 3
    assert server.get("/names").text == "(2, True)"
    log = server.log()
    assert "the group grows to 1 process: a request has come" in log
    assert re.search(r"the group shrinks to no process: nothing was to be done for [12] s", log)


def test_many_who_come_at_once_wait_for_the_first_process(serve):
    server = limited(serve, "processes=0-2 threads=2 shrink-after=1")
    with Load(server, "/app/patient?0.05", clients=12) as load:
        wait_until(lambda: load.count >= 50, 30, "requests")
    load.assert_clean(50)
    assert set(sizes(server)) <= {0, 1, 2} and sizes(server)[0] == 1


def test_shrinking_waits_for_a_request_however_long(serve):
    """The one that goes is not the busy one; and if both are, requests finish beyond graceful-timeout."""
    server = limited(serve, "processes=1-2 threads=3 grow-after=50 shrink-after=2 graceful-timeout=1 shutdown-timeout=1")
    with Load(server, "/app/patient?0.1", clients=12):
        settles(server, 2)
    with server.connect() as one, server.connect() as two:
        busy = {begin(server, one, "/patient?8", "one"), begin(server, two, "/patient?8", "two")}
        wait_until(lambda: 1 in sizes(server), 20, "the group to shrink")
        answers = [one.finish(), two.finish()]
    assert [answer.status for answer in answers] == [200, 200]
    assert {int(answer.text) for answer in answers} == busy
    settles(server, 1)


def test_a_process_that_dies_is_replaced_up_to_the_present_number(serve):
    server = limited(serve, "processes=1-3 threads=1 shrink-after=60")
    first = pid(server)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: workers(server) not in ([], [first]), 20, "another process")
    second = pid(server)
    assert second != first and workers(server) == [second]
    assert sizes(server) == []


def test_an_application_that_ends_its_process_makes_no_storm(serve):
    """Requests keep coming to a group of no processes: starts are tried after 1, 2, 4 ... s, and it recovers by itself."""
    more = "WSGIImportScript ${ROOT}/ends.py process-group=app application-group=%{GLOBAL}"
    server = limited(serve, "processes=0-4 threads=1 grow-after=50", more=more, files={"ends.py": ENDS, "data/broken": ""})
    starts = lambda: server.log().count("Starting process")  # noqa: E731
    statuses = set()
    stop = threading.Event()

    def ask():
        while not stop.wait(0.1):
            statuses.add(server.get("/app/pid").status)

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: starts() >= 3, 30, "the third attempt")
        assert statuses == {503}
        assert re.search(r"cannot start a process: .* exited with status 3 before it was ready", server.log())
        assert sizes(server) == [1], "one process is wanted, and no more"
        (server.root / "data" / "broken").unlink()
        wait_until(lambda: 200 in statuses, 40, "an answer")
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert starts() <= 6, "1 + 2 + 4 + 8 s had to pass for so many"
    assert statuses == {200, 503}


def test_touched_scripts_keep_the_number(serve):
    server = limited(serve, "processes=1-3 threads=1 grow-after=50 shrink-after=60",
                     more="WSGIScriptAlias /own ${ROOT}/own.py", files={"own.py": _version(1)})
    with Load(server, "/own", clients=6) as load:
        settles(server, 3)
        server.write("own.py", _version(2))
        wait_until(lambda: load.bodies[b"2"] > 30, 30, "answers of the new code")
    load.assert_clean(30)
    settles(server, 3)
    assert max(sizes(server)) == 3


def _version(number):
    return f'''"""Version {number}."""
import time
def application(environ, start_response):
    time.sleep(0.1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{number}"]
'''


def test_a_graceful_restart_keeps_the_number(serve):
    server = limited(serve, "processes=1-3 threads=1 grow-after=50 shrink-after=60")
    with Load(server, "/app/patient?0.1", clients=6) as load:
        settles(server, 3)
        before = set(workers(server))
        server.graceful()
        wait_until(lambda: not before & set(workers(server)), 40, "the end of the old processes")
        wait_until(lambda: len(workers(server)) == 3, 20, "as many new ones")
        changes, count = sizes(server), load.count
        wait_until(lambda: load.count > count + 30, 20, "more requests")
    load.assert_clean(30)
    assert changes == sizes(server) and changes[-1] == 3, "it did not have to grow again"


def test_a_graceful_restart_wakes_nobody(serve):
    server = limited(serve, "processes=0-2 threads=1 shrink-after=1")
    first = pid(server)
    settles(server, 0)
    leaders = lambda: {process for process in server.processes() if processes.name(process).startswith("mod_wsgi_lead")}  # noqa: E731
    before = leaders()
    server.graceful()
    wait_until(lambda: len(leaders()) == 1 and not leaders() & before, 20, "the new leader alone")
    second = pid(server)
    assert first != second and server.log().count("Starting process") == 2
    settles(server, 0)


@pytest.mark.parametrize("value", ["0", "0-0", "8-2", "1-1001", "2-", "-", "a-b", "1-2-3", "2..8"])
def test_numbers_that_make_no_sense(serve, value):
    result = limited(serve, f"processes={value}", run=False).configtest()
    assert result.returncode != 0
    assert f"processes `{value}` is not valid: it is a number from 1 to 1000 (as 4), or the fewest and the most" in result.stderr
    assert "(as 2-8, or 0-8 to start on demand)" in result.stderr


@pytest.mark.parametrize("options", ["grow-after=300", "processes=4 shrink-after=60", "processes=4-4 grow-after=1s"])
def test_options_of_elastic_groups_want_a_range(serve, options):
    result = limited(serve, options, run=False).configtest()
    assert result.returncode != 0
    name = re.search(r"(grow|shrink)-after", options)[0]
    assert re.search(rf"{name} needs a number of processes that follows the load.*processes=MIN-MAX", result.stderr), result.stderr


@pytest.mark.parametrize("option", ["grow-after=soon", "grow-after=-1", "shrink-after=0", "shrink-after=1.5"])
def test_times_that_make_no_sense(serve, option):
    result = limited(serve, f"processes=1-2 {option}", run=False).configtest()
    assert result.returncode != 0 and option.partition("=")[0] in result.stderr


def test_a_service_has_a_fixed_number(serve):
    result = limited(serve, "processes=1-2 threads=0", run=False).configtest()
    assert result.returncode != 0
    assert re.search(r"processes is a range.*threads=0.*write one number", result.stderr), result.stderr
