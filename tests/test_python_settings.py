"""What is said of Python in the configuration, as an application sees it: embedded, in a group with options of its own,
and in one without; in main and other interpreters.
"""

import json
import signal

import pytest
from support.server import Server

FACTS = '''"""Tells how its Python was set up."""
import json, os, signal, sys

def attempt(call):
    try:
        return str(call())
    except OSError as error:
        return f"OSError: {error}"

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({
        "eggs": os.environ.get("PYTHON_EGG_CACHE"), "interval": round(sys.getswitchinterval(), 4), "warnings": sys.warnoptions,
        "optimize": sys.flags.optimize, "bytecode": not sys.dont_write_bytecode, "assert": __debug__,
        "stdin": attempt(lambda: sys.stdin.read()), "stdout": attempt(lambda: print("printed by the application")),
    }).encode()]
'''
SIGNALS = '''"""Registers a handler for a signal."""
import signal

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        signal.signal(signal.SIGUSR2, application)
    except ValueError as error:  # Python itself lets only the main thread do it
        return [f"Python refuses: {error}".encode()]
    return [b"registered" if signal.getsignal(signal.SIGUSR2) is application else b"ignored"]
'''
ENDED = '''"""Leaves a file at its end."""
import atexit
atexit.register(lambda: open({path!r}, "w").close())

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"loaded"]
'''
CONF = """
{settings}
WSGIDaemonProcess own threads=2 {options}
WSGIDaemonProcess plain threads=2
WSGIScriptAlias /embedded/global ${{ROOT}}/facts.py application-group=%{{GLOBAL}}
WSGIScriptAlias /embedded/sub ${{ROOT}}/facts.py
WSGIScriptAlias /own/global ${{ROOT}}/facts.py process-group=own application-group=%{{GLOBAL}}
WSGIScriptAlias /own/sub ${{ROOT}}/facts.py process-group=own
WSGIScriptAlias /plain/global ${{ROOT}}/facts.py process-group=plain application-group=%{{GLOBAL}}
WSGIScriptAlias /plain/sub ${{ROOT}}/facts.py process-group=plain
"""
SETTINGS = """
WSGIPythonEggs ${ROOT}/eggs
WSGISwitchInterval 0.02
WSGIPythonWarnings ignore::ResourceWarning
WSGIPythonWarnings default::DeprecationWarning
WSGIPythonOptimize 1
WSGIDontWriteBytecode On
WSGIRestrictStdin On
WSGIRestrictStdout On
"""


@pytest.fixture
def configured(shared):
    """Finds a server with all settings, or with none; /embedded, /own (a group with options) and /plain (one without)."""
    def find(settings, options):
        def make():
            server = Server(CONF.format(settings=settings, options=options))
            server.write("facts.py", FACTS)
            return server

        return shared(f"Python {settings}", "both", make)

    return find


def facts(server, group, interpreter):
    """What facts.py tells."""
    response = server.get(f"/{group}/{interpreter}")
    assert response.status == 200, response
    return json.loads(response.body)


@pytest.mark.ours
@pytest.mark.parametrize("interpreter", ["global", "sub"])
@pytest.mark.parametrize("group", ["embedded", "own", "plain"])
def test_settings(configured, group, interpreter):
    """Eggs and the switch interval are for embedded mode, and groups have options; the rest is for every process."""
    server = configured(SETTINGS, "python-eggs=${ROOT}/own switch-interval=0.03")
    said = facts(server, group, interpreter)
    assert said["eggs"] == {"embedded": f"{server.root}/eggs", "own": f"{server.root}/own", "plain": None}[group]
    assert said["interval"] == {"embedded": 0.02, "own": 0.03, "plain": 0.005}[group]
    # The groups' values stay what they are after the other interpreter of the process was made.
    assert facts(server, group, "global")["interval"] == said["interval"]
    assert said["warnings"][-2:] == ["ignore::ResourceWarning", "default::DeprecationWarning"]
    assert (said["optimize"], said["bytecode"]) == (1, False)
    assert said["stdin"].startswith("OSError") and "WSGIRestrictStdin" in said["stdin"]
    assert said["stdout"].startswith("OSError") and "WSGIRestrictStdout" in said["stdout"]
    assert "printed by the application" not in server.log(server.since)


@pytest.mark.parametrize("interpreter", ["global", "sub"])
@pytest.mark.parametrize("group", ["embedded", "own", "plain"])
def test_without_settings(configured, group, interpreter):
    server = configured("", "")
    said = facts(server, group, interpreter)
    assert (said["eggs"], said["interval"], said["warnings"], said["optimize"], said["bytecode"]) == (None, 0.005, [], 0, True)
    assert (said["stdin"], said["stdout"]) == ("", "None")
    server.wait_for_log("printed by the application", server.since)


@pytest.mark.ours
@pytest.mark.parametrize("setting", ["", "WSGIRestrictSignal On", "WSGIRestrictSignal Off"])
def test_signals(serve, mode, setting):
    """On, as by default: ignored, and logged with the place. Off: Python decides."""
    server = serve(f"WSGIScriptAlias / ${{ROOT}}/signals.py application-group=%{{GLOBAL}}\n{setting}\n", mode, files={"signals.py": SIGNALS})
    since, text = server.mark(), server.get("/").text
    if setting.endswith("Off"):
        assert text != "ignored" and "WSGIRestrictSignal" not in server.log(since)
    else:
        assert text == "ignored"
        server.wait_for_log("handler for signal (12|Signals.SIGUSR2) ignored: .*WSGIRestrictSignal", since)
        assert "signals.py" in server.log(since).partition("handler for signal")[2]


@pytest.mark.parametrize("setting, ends", [("WSGIDestroyInterpreter On", True), ("WSGIDestroyInterpreter Off", False)])
def test_destroy_interpreter(serve, mode, setting, ends):
    """Off: no atexit callbacks when a process ends."""
    server = serve(f"WSGIScriptAlias / ${{ROOT}}/s.py\n{setting}\n", mode, run=False)
    path = server.root / "data" / "ended"
    server.write("s.py", ENDED.format(path=str(path)))
    server.start()
    assert server.get("/").body == b"loaded"
    # a graceful stop: TERM aborts the connections of mod_mpm_event, which can crash on them
    server.process.send_signal(signal.SIGWINCH)
    server.process.wait(20)
    assert path.exists() is ends
