"""Threads of httpd that come and go (mod_http2 ends idle ones): what they leave behind does not pile up."""

import json
import threading
from pathlib import Path

from support.http2 import Http2
from support.processes import children, wait_until

CONF = """
Protocols h2c http/1.1
H2MinWorkers 1
H2MaxWorkers 6
H2MaxWorkerIdleSeconds 1
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias /threads ${ROOT}/threads.py
"""
APP = '''"""Keeps an object for each thread, and says how many there are."""
import json, threading, time
import mod_wsgi

class Kept:
    alive = 0

    def __init__(self):
        Kept.alive += 1

    def __del__(self):
        Kept.alive -= 1

mod_wsgi.start_recording_metrics()
local, numbers = threading.local(), set()

def application(environ, start_response):
    if not hasattr(local, "kept"):
        local.kept = Kept()
        numbers.add((environ["mod_wsgi.thread_id"], threading.get_native_id()))
    time.sleep(float(environ["QUERY_STRING"]))
    threads = mod_wsgi.process_metrics()["request_threads"]
    answer = {"alive": Kept.alive, "seen": len(numbers), "threads": threads, "number": environ["mod_wsgi.thread_id"]}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
'''
MOST = 6  # H2MaxWorkers


def test_threads_that_end_leave_nothing_for_ever(serve):
    """Their numbers are used again, and their thread states, with what `threading.local` holds, are released."""
    server = serve(CONF, threads=8, modules=("http2",), files={"threads.py": APP})

    def ask(path="/threads?0"):
        with Http2(server.port) as client:
            return json.loads(client.request("GET", path).body)

    def burst():
        threads = [threading.Thread(target=ask, args=("/threads?0.3",)) for _ in range(MOST)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        return ask()

    def threads_of_httpd():
        return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in children(server.pid))

    idle = threads_of_httpd()
    answers = [burst()]
    while answers[-1]["seen"] <= 3 * MOST:  # each time others: the test would not end if they were the same
        wait_until(lambda: threads_of_httpd() <= idle, 60, "mod_http2 ends its idle threads")
        answers.append(burst())
    assert answers[-1]["threads"] <= MOST, answers
    wait_until(lambda: ask()["alive"] <= 2 * MOST, 60, f"threads that have ended are released: {answers}")
