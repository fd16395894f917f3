"""In the Python under test: loads the host and runs requests through it."""

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import sys

APPS = pathlib.Path(__file__).parent / "apps"
OUT = sys.stdout  # before the host puts its log there

RELOADING, NO_BODY, ANNOUNCE, HTTPS = 1, 2, 4, 8
DEBUG, INFO, NOTICE, WARN, ERROR = 7, 6, 5, 4, 3



def layer(application_group=None, **settings):
    """What one place of the configuration says about interpreters."""
    empty = dict.fromkeys(("switch_interval", "own_gil", "restrict_signal", "restrict_stdin", "restrict_stdout"))
    return {"application_group": application_group, "path": [], **empty, **settings}


SETTINGS = {
    "process_group": "group",
    "home": None,
    "layers": [layer(restrict_stdin=True)],
    "working_directory": None,
    "eggs": None,
    "optimize": 0,
    "warnings": [],
    "dont_write_bytecode": False,
    "hash_seed": None,
    "case_sensitive": True,
    "free_threading": False,
    "server_metrics": False,
    "telemetry": None,
    "debug_mode": False,
    "destroy_interpreter": True,
    "multithread": True,
    "multiprocess": False,
    "maximum_processes": 1,
    "threads_per_process": 5,
    "log_level": DEBUG,
    "httpd_version": [2, 4, 71],
    "httpd_description": "Apache/2.4.71",
    "httpd_built": "Jan  1 2026 00:00:00",
    "mpm_name": "event",
    "mpm_processes": 4,
    "mpm_threads": 25,
    "imports": [],
}


class Host:
    """The host in this process."""

    def __init__(self, library, **settings):
        loader = importlib.machinery.ExtensionFileLoader("mod_wsgi_host", library)
        spec = importlib.util.spec_from_loader("mod_wsgi_host", loader)
        self.module = importlib.util.module_from_spec(spec)
        loader.exec_module(self.module)
        self.module.start(json.dumps({**SETTINGS, **settings}))

    @staticmethod
    def _request(script, environ, **settings):
        variables = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "",
                     "SERVER_NAME": "example.org", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
                     "mod_wsgi.request_id": "the id", "mod_wsgi.server_pid": "123"}
        variables.update(environ or {})
        path = script if os.path.isabs(script) else str(APPS / script)
        pairs = [(name.encode("latin-1"), value if isinstance(value, bytes) else value.encode("latin-1"))
                 for name, value in variables.items()]
        return {"script": path, "environ": pairs, "callable": "application", "flags": 0, "log_level": DEBUG, **settings}

    def serve(self, callable="application", script="app.py", group="", environ=None, body=(), patience=1000,
              reject=False, flags=0, log_level=DEBUG):
        """One request; `body` are the pieces that arrive, None breaks it."""
        body = [body] if isinstance(body, bytes) else list(body)
        request = self._request(script, environ, callable=callable, flags=flags, log_level=log_level)
        return Result(self.module.serve({**request, "group": group, "body": body, "patience": patience, "reject": reject}))

    def stress(self, callable, groups, threads, rounds):
        """Requests from many threads to many interpreters; how many were complete."""
        request = self._request("app.py", None, callable=callable, log_level=ERROR)
        return self.module.stress({**request, "groups": groups, "threads": threads, "rounds": rounds})

    def stop(self, reason="the reason"):
        """Ends all interpreters."""
        self.module.stop({"reason": reason})


class Result:
    """What came of a request."""

    def __init__(self, answer):
        self.code = answer["outcome"]  # 0 complete, 1 aborted, else a status; None: the script has changed
        self.status, self.reason = answer.get("status"), answer.get("reason")
        self.headers, self.sent, self.last = answer.get("headers"), answer["sent"], answer["last"]
        self.log = answer["log"]

    @property
    def body(self):
        """All of it."""
        return b"".join(self.sent) + (self.last or b"")

    def header(self, name):
        """All values of a header."""
        return [value for key, value in self.headers or () if key.lower() == name.lower().encode()]

    def logged(self, level=None):
        """The log's texts."""
        return "\n".join(text for at, text, _, _ in self.log if level in (None, at))


def finish():
    """Ends the process as a worker does, without finalizing Python."""
    OUT.flush()
    os._exit(0)
