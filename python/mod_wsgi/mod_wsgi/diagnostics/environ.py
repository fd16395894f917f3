"""Shows what an application is given: Python, and the variables of the request."""

import os
import sys


def application(environ, start_response):
    """A line for each."""
    lines = [f"PID: {os.getpid()}", f"UID: {os.getuid()}", f"GID: {os.getgid()}", f"CWD: {os.getcwd()}",
             f"python.version: {sys.version!r}", f"python.prefix: {sys.prefix!r}", f"python.path: {sys.path!r}", ""]
    lines += [f"{name}: {environ[name]!r}" for name in sorted(environ)]
    output = "\n".join([*lines, ""]).encode("utf-8", "replace")
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(output)))])
    return [output]
