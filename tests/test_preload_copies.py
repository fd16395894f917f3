"""preload=on: what a copy does before it serves."""

import os
import signal

import pytest
from support.processes import wait_until
from test_preload import CONF, ask, preload, template  # noqa: F401 (a fixture)

pytestmark = pytest.mark.ours


def test_what_workers_have_loaded_since_is_loaded_before_a_copy_serves(preload):
    conf = CONF.replace("/ ${ROOT}", "/app ${ROOT}", 1) + """
WSGIScriptAlias /other ${ROOT}/apps/preloaded.py
<Location /other>
    WSGIProcessGroup app
    WSGIApplicationGroup %{GLOBAL}
</Location>
"""
    server = preload("processes=1 threads=1", conf=conf)
    assert ask(server, "/app")["loaded_by"] == template(server)
    first = ask(server, "/other")
    assert first["loaded_by"] == first["pid"], "no configuration names it"
    assert ask(server, "/other") == first, "the one thread has told of the first request before it takes this one"
    since = server.mark()
    os.kill(first["pid"], signal.SIGKILL)
    server.wait_for_log(r"Loading WSGI script '\S+/apps/preloaded\.py'", since, 20)
    second = ask(server, "/other")
    assert second["loaded_by"] == second["pid"] != first["pid"]


def test_a_function_that_hangs_in_the_copy_is_ended_with_it(preload):
    server = preload("processes=1 threads=1 startup-timeout=8", """
def stuck():
    while os.path.exists(_loading + ".stuck"):
        time.sleep(0.05)
os.register_at_fork(after_in_child=stuck)
""", run=False)
    server.write("data/loading.stuck", "")
    server.start()
    server.wait_for_log(r"has loaded no script within 8 s \(startup-timeout\)", timeout=60)
    (server.root / "data" / "loading.stuck").unlink()
    wait_until(lambda: server.get("/").status == 200, 30, "a worker that is not stuck")
    assert ask(server)["loaded_by"] == template(server)
    assert "has not forked for" not in server.log()
