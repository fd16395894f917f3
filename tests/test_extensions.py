"""Extensions in C that live in one interpreter of a process: numpy and psycopg, in the main interpreter and in others.

What the client and the log say, and that the remedy of the log works: `WSGIApplicationGroup %{GLOBAL}`, or a daemon
group for each application.
"""

import re
from pathlib import Path

import pytest

APPLICATIONS = Path(__file__).parent / "applications" / "extensions"
SAYS = {"mean": "numpy says 2.0", "connect": "psycopg is binary"}
REFUSAL = {"mean": "ImportError: cannot load module more than once per process", "connect": "ImportError: Interpreter change detected"}
CONF = "WSGIPythonPath {packages}\n" + "".join(
    f"WSGIScriptAlias /{name}/{group.lower()} ${{{{ROOT}}}}/{name}.py application-group={'%{{GLOBAL}}' if group == 'GLOBAL' else group}\n"
    for name in SAYS for group in ("GLOBAL", "one", "two"))
NEWER = pytest.mark.skipif("__import__('sys').version_info < (3, 11)", reason="this numpy loads in every interpreter")


@pytest.fixture(params=[pytest.param("mean", marks=NEWER), "connect"])
def name(request):
    """An application and what it loads."""
    return request.param


@pytest.fixture
def server(serve, mode, packages):
    """Both applications, each in the main interpreter and in two others."""
    scripts = {f"{name}.py": (APPLICATIONS / f"{name}.py").read_text() for name in SAYS}
    return serve(CONF.format(packages=packages), mode, options=f"threads=4 python-path={packages}", files=scripts)


def refused(server, name, group):
    """The client is told nothing but 500; the log has the exception and, on the same line, the remedy."""
    since = server.mark()
    response = server.get(f"/{name}/{group}")
    assert response.status == 500 and "ImportError" not in response.text
    server.wait_for_log(re.escape(REFUSAL[name]), since)
    place = "another application of this process has loaded it first, in a sub-interpreter" if group == "global" else (
        f"it does not work in the sub-interpreter of application group '{group}'")
    server.wait_for_log(f"ImportError: .*; {place}: add `WSGIApplicationGroup %{{GLOBAL}}`", since)


@pytest.mark.ours
def test_main_interpreter(server, name):
    assert server.get(f"/{name}/global").text == SAYS[name]
    refused(server, name, "one")
    assert server.get(f"/{name}/global").text == SAYS[name]


@pytest.mark.ours
def test_the_first_interpreter_wins(server, name):
    """Whichever loads it first has it, and the others are refused, the main one, too."""
    assert server.get(f"/{name}/one").text == SAYS[name]
    for group in ("two", "global"):
        refused(server, name, group)
    assert server.get(f"/{name}/one").text == SAYS[name]


def test_a_warning_reaches_the_log(server):
    """numpy warns in every interpreter but the main one."""
    assert server.get("/mean/one").text == SAYS["mean"]
    server.wait_for_log("UserWarning: NumPy was imported from a Python sub-interpreter")


def test_a_group_for_each_application(serve, packages):
    """The other remedy: two applications in two daemon groups, each in its main interpreter."""
    conf = "".join(f"WSGIDaemonProcess {group} threads=2 python-path={packages}\n"
                   f"WSGIScriptAlias /{group} ${{ROOT}}/mean.py process-group={group} application-group=%{{GLOBAL}}\n"
                   for group in ("red", "blue"))
    server = serve(conf, files={"mean.py": (APPLICATIONS / "mean.py").read_text()})
    for group in ("red", "blue"):
        assert server.get(f"/{group}").text == SAYS["mean"]
