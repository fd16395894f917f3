"""Shows what a worker has from the process that has loaded the application: JSON, the same questions at every URL.

`MADE` is made once for each load of this file. What is in `data/loading` is run first: threads, sockets, hooks, faults.
"""

import json
import os
import threading
import time
import uuid

MADE = uuid.uuid4().hex
LOADED_BY = os.getpid()
CALLS = []

_loading = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "loading")
if os.path.exists(_loading):
    exec(open(_loading).read())


def parent(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def application(environ, start_response):
    time.sleep(float(environ["QUERY_STRING"] or 0))
    facts = {
        "made": MADE, "loaded_by": LOADED_BY, "pid": os.getpid(), "parent": parent(os.getpid()), "calls": CALLS,
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }
    if "question" in globals():
        facts["answer"] = question(environ)  # noqa: F821 (of data/loading)
    body = json.dumps(facts).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
