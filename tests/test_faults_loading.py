"""Scripts that never finish loading, or end the process while they load, and processes that die at once: never a storm."""

import os
import re
import signal

import pytest
from support.faulty import complaints, faulty, pid, told_once
from support.processes import wait_until

pytestmark = pytest.mark.ours
IMPORT = "WSGIImportScript ${ROOT}/script.py process-group=app application-group=%{GLOBAL}"
ALIAS = "WSGIScriptAlias /script ${ROOT}/script.py"
# Waits in C for ever, and keeps Python's lock meanwhile.
LOCKED = ("import ctypes\ndef hang():\n    library, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)\n"
          "    library.pthread_mutex_lock(mutex)\n    library.pthread_mutex_lock(mutex)\nhang()\n")
GOOD = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'loaded']\n"


def check_pace(server, *expected):
    """The pauses that were announced, in seconds, are these, and no process was started within one."""
    pauses, due = [], 0
    for hours, minutes, seconds, said in re.findall(r" (\d\d):(\d\d):(\d\d\.\d+) \d+\] \[wsgi:\w+\] (.*)", server.log()):
        at = 3600 * int(hours) + 60 * int(minutes) + float(seconds)
        pause = re.search(r"(?:another starts|the next attempt is)(?: in (\d+) s)?$", said)
        if pause:
            pauses.append(int(pause[1] or 0))
            due = at + pauses[-1]
        assert "Starting process" not in said or at > due - 0.5, "the line may be written a little later than it is meant"
    assert pauses[:len(expected)] == list(expected)


def refused(server, pattern):
    """A client gets 503 with the reason, which the log has in the same words."""
    response = wait_until(lambda: (answer := server.get("/app")).status == 503 and answer, 15, "a refusal")
    assert int(response.header("Retry-After")) > 0
    server.wait_for_log(r"\[client .*process group `app` cannot start its processes: " + pattern)
    server.wait_for_log("^503 GET /app process group `app` cannot start its processes: ", name="access.log")


def test_pythons_lock_is_kept_for_ever_before_the_first_request(serve):
    server = faulty(serve, "threads=3 deadlock-timeout=2", IMPORT, files={"script.py": LOCKED})
    told_once(server, r"cannot start a process: process \d+ has kept Python's lock \(the GIL\) for 2 s while it loads scripts "
                      r"\(deadlock-timeout\); where it was is in the log")
    server.wait_for_log(r'script\.py", line 5 in hang')
    refused(server, r"process \d+ has kept Python's lock")
    server.write("script.py", GOOD)
    wait_until(lambda: server.get("/app").status == 200, 30, "recovery")


def test_pythons_lock_is_kept_for_ever_by_the_first_request(serve):
    server = faulty(serve, "threads=3 deadlock-timeout=2 shutdown-timeout=1", ALIAS, files={"script.py": LOCKED})
    assert server.get("/script").status == 502
    told_once(server, r"is deadlocked: nobody could take Python's lock \(the GIL\) for 2 s \(deadlock-timeout\)")
    assert "deadlock-timeout" in told_once(server, "was lost: ")
    server.wait_for_log(r'script\.py", line 5 in hang')
    assert pid(server)
    server.write("script.py", GOOD)
    assert server.get("/script").body == b"loaded"


def test_a_lock_that_is_kept_for_a_while_is_no_deadlock(serve):
    slow = "import ctypes\nctypes.PyDLL(None).usleep(2500000)\n" + GOOD
    server = faulty(serve, "threads=3 deadlock-timeout=6", IMPORT + "\n" + ALIAS, files={"script.py": slow})
    assert server.get("/script").body == b"loaded"
    assert not complaints(server)


@pytest.mark.parametrize(("line", "how"), [
    ("import os; os._exit(3)", "exited with status 3"), ("import os; os._exit(0)", "exited with status 0"),
    ("import os; os.abort()", r"was killed by signal 6 \(SIGABRT\)"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"was killed by signal 9 \(SIGKILL\)"),
], ids=["exit-3", "exit-0", "abort", "kill"])
def test_a_script_that_ends_the_process(serve, line, how):
    server = faulty(serve, "processes=2 threads=1", IMPORT, files={"script.py": line + "\n"})
    told_once(server, rf"cannot start a process: process \d+ {how}.* before it was ready.*; the next attempt is in 1 s")
    refused(server, rf"process \d+ {how}.* before it was ready")
    server.wait_for_log("the next attempt is in 4 s", timeout=20)
    tries = re.findall(r"the next attempt is in (\d+) s", server.log())
    assert tries == ["1", "2", "4"], tries
    assert server.log().count("Starting process") <= 2 + 2, "two at first, then one at a time"
    server.write("script.py", GOOD)
    wait_until(lambda: server.get("/app").status == 200, 20, "recovery")


@pytest.mark.parametrize("status", [0, 3])
def test_a_thread_that_ends_each_process_soon_after_its_start(serve, status):
    script = f"import os, threading\nthreading.Timer(1, os._exit, [{status}]).start()\n"  # once it serves
    server = faulty(serve, "threads=3", IMPORT, files={"script.py": script})
    # No request before: a process that has answered one has not died in vain.
    server.wait_for_log("this happens again and again: another starts in 4 s", timeout=40)
    refused(server, rf"process \d+ exited with status {status} soon after its start")
    check_pace(server, 0, 1, 2, 4)
    server.write("script.py", GOOD)
    wait_until(lambda: server.get("/app").status == 200, 30, "recovery")


def test_a_process_that_is_killed_again_and_again(serve):
    waits = "import os, time\nwhile not os.path.exists(__file__ + '.go'): time.sleep(0.01)\n"
    server = faulty(serve, more=IMPORT, files={"script.py": waits})
    killed = set()
    for pause in (1, 2, 4):
        wait_until(lambda: kill_the_newest(server, killed), 20, "a process to kill")
        server.wait_for_log(f"the next attempt is in {pause} s$")
    server.write("script.py.go", "")
    wait_until(lambda: server.get("/app").status == 200, 20, "recovery")
    check_pace(server, 1, 2, 4)


def kill_the_newest(server, killed):
    """Kills the process that was started last, once."""
    found = [int(number) for number in re.findall(r"Starting process (\d+)", server.log())]
    if not found or found[-1] in killed:
        return False
    killed.add(found[-1])
    os.kill(found[-1], signal.SIGKILL)
    return True
