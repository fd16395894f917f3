"""A daemon group with limits, and what the tests of limits look at."""

from .processes import wait_until

CONF = """
WSGIDaemonProcess app {options}
WSGIProcessGroup app
WSGIApplicationGroup {group}
WSGIScriptAlias /app ${{APPS}}/limits.py
{more}
"""


def limited(serve, options, group="%{GLOBAL}", more="", **settings):
    """A server with one group that has these options."""
    return serve(CONF.format(options=options, group=group, more=more), **settings)


def begin(server, client, path, mark):
    """Starts a request, and waits until the application has it; its process."""
    client.start("GET", "/app" + path, [("X-Mark", mark)])
    return begun(server, mark)


def begun(server, mark):
    """The process in which a marked request runs, once it does."""
    file = server.root / "data" / mark
    wait_until(file.exists, 15, f"the request {mark} to begin")
    return int(file.read_text())


def pid(server):
    """The process that answers."""
    response = server.get("/app/pid")
    assert response.status == 200, response
    return int(response.text)


def reason(server, process, timeout=15):
    """The reason for which a process has ended."""
    file = server.root / "data" / "reasons"
    known = lambda: dict(line.split() for line in file.read_text().splitlines()) if file.exists() else {}  # noqa: E731
    return wait_until(lambda: known().get(str(process)), timeout, f"the reason of process {process}")


def replaced(server, process, timeout=20):
    """Waits until another process answers; every request meanwhile must be answered."""

    def other():
        now = pid(server)
        return now if now != process else None

    return wait_until(other, timeout, f"another process than {process}")
