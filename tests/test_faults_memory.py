"""No memory left: in the application, in mod_wsgi's own code, in the whole system."""

import pytest
from support.faulty import WHEN, before, complaints, faulty, pid, told_once
from support.limited import reason
from support.processes import wait_until

pytestmark = pytest.mark.ours
LIMITS = ["memory-limit=200M", "virtual-memory-limit=1G"]
SHORT = r"next to nothing is left of the memory that this process may have \(memory-limit, virtual-memory-limit\)"
KEEPS = "WSGIScriptAlias /limits ${APPS}/limits.py"


@WHEN
@pytest.mark.parametrize("limit", LIMITS)
def test_memory_that_is_kept_costs_the_process(serve, harm, limit):
    """The request fails with MemoryError; so would the next ones, so another process takes its place."""
    server = faulty(serve, f"threads=3 {limit}", KEEPS)
    assert server.get("/limits/pid").status == 200
    first = pid(server)
    harm(server, "hoard", 500) if harm is before else harm(server, "hoard")
    told_once(server, "MemoryError exception raised processing WSGI script")
    line = told_once(server, SHORT)
    assert "it is replaced. Raise the limit, or find out what keeps so much of it" in line
    wait_until(lambda: pid(server) != first, 15, "another process; every request meanwhile is answered")
    assert reason(server, first) == "memory_limit"
    assert len(complaints(server)) == 2


@WHEN
def test_wanting_too_much_is_no_fault_of_the_process(serve, harm):
    server = faulty(serve, "threads=3 memory-limit=200M")
    first = pid(server)
    harm(server, "greedy", 500) if harm is before else harm(server, "greedy")
    told_once(server, "MemoryError exception raised processing WSGI script")
    assert pid(server) == first
    assert len(complaints(server)) == 1


def test_without_a_limit_nothing_is_short(serve):
    server = faulty(serve)
    first = pid(server)
    before(server, "greedy", 500)
    assert pid(server) == first
    assert len(complaints(server)) == 1


def test_an_error_page_of_the_application(serve):
    """A framework catches MemoryError and answers by itself."""
    server = faulty(serve, "threads=3 memory-limit=200M")
    first = pid(server)
    assert server.get("/app/hoard?page").body == b"an error page"
    told_once(server, SHORT)
    wait_until(lambda: pid(server) != first, 15, "another process")


@WHEN
def test_none_left_for_mod_wsgi_itself(serve, harm):
    """Rust ends the process then; the log says for want of what."""
    server = faulty(serve, "threads=3 memory-limit=200M")
    first = pid(server)
    harm(server, "nothing-left")
    server.wait_for_log("memory allocation of [0-9]+ bytes failed")
    line = told_once(server, "was lost: ")
    assert f"its process {first} was killed by signal 6 (SIGABRT)" in line
    assert "it had no memory left: raise memory-limit or virtual-memory-limit, or find out what keeps so much of it" in line
    assert "at fault" not in line
    assert pid(server) != first
    server.wait_for_log("Fatal Python error: Aborted")


def test_while_a_script_is_loaded(serve):
    """The request that wanted it fails; when there is room again, the script is loaded."""
    script = ("import os\nif not os.path.exists(os.environ['MOD_WSGI_TEST'] + '/data/room'):\n"
              "    HELD = [bytearray(1 << 20) for _ in range(10 ** 6)]\n"
              "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'loaded']\n")
    server = faulty(serve, "threads=3 memory-limit=200M", "WSGIScriptAlias /big ${ROOT}/big.py", files={"big.py": script})
    assert server.get("/big").status == 500
    told_once(server, r"MemoryError exception raised processing WSGI script '\S+/big\.py': it could not be loaded")
    server.write("data/room", "")
    wait_until(lambda: server.get("/big").body == b"loaded", 15, "the script to load")


def test_while_scripts_are_loaded_before_the_first_request(serve):
    more = "WSGIImportScript ${ROOT}/big.py process-group=app application-group=%{GLOBAL}"
    files = {"big.py": "HELD = [bytearray(1 << 20) for _ in range(10 ** 6)]\n"}
    server = faulty(serve, "threads=3 memory-limit=200M", more, files=files)
    told_once(server, r"MemoryError exception raised processing WSGI script '\S+/big\.py': it could not be loaded")
    assert pid(server), "the other scripts of the group are served"


def test_too_little_for_the_threads(serve):
    """The limit is large enough for Python, and not for the stacks of 100 threads."""
    server = faulty(serve, "threads=100 memory-limit=60M")
    told_once(server, "cannot start 100 threads .*this happens again", timeout=20)
    response = server.get("/app")
    assert response.status == 503 and int(response.header("Retry-After")) > 0
    line = told_once(server, "process group `app` cannot start its processes: ")
    assert "threads=, stack-size=, memory-limit= and virtual-memory-limit= of WSGIDaemonProcess" in line
    server.wait_for_log("^503 GET /app process group `app` cannot start", name="access.log")
