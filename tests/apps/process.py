"""Answers with facts about the process that runs it, as JSON."""

import json
import os
import sys
import threading


def application(environ, start_response):
    facts = {
        "pid": os.getpid(), "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
        "cwd": os.getcwd(), "version": list(sys.version_info[:3]), "prefix": sys.prefix, "path": sys.path,
        "executable": sys.executable, "argv": sys.argv, "thread": threading.get_ident(),
        "environment": dict(os.environ), "multiprocess": environ["wsgi.multiprocess"],
        "multithread": environ["wsgi.multithread"], "run_once": environ["wsgi.run_once"],
        "process_group": environ["mod_wsgi.process_group"], "application_group": environ["mod_wsgi.application_group"],
        "umask": umask(),
    }
    body = json.dumps(facts).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def umask():
    with open("/proc/self/status") as status:
        return next(line.split()[1] for line in status if line.startswith("Umask"))
