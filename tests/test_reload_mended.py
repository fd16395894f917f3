"""reload=rolling: a script that is mended while the broken version is still being loaded is brought in at once."""

import os
import signal

import pytest
from support.processes import wait_until
from test_preload import leader, workers
from test_reload_rolling import CALLED_OFF, ask, loads, put, seen

pytestmark = pytest.mark.ours

CONF = "WSGIScriptAlias / ${ROOT}/script.py process-group=app application-group=%{GLOBAL}\n"
BROKEN = '''"""Version {version}."""
import os, time
open({data!r} + "/loads", "w").close()
while not os.path.exists({data!r} + "/go"):
    time.sleep(0.01)
raise ValueError("version {version}")
'''
PRELOAD = pytest.mark.parametrize("preload", ["off", "on"])


@pytest.fixture
def loading(serve):
    """A server with a process that loads a broken version, for as long as there is no file data/go."""

    def made(preload):
        server = serve(CONF, "daemon", f"processes=2 threads=2 reload=rolling preload={preload}", run=False)
        put(server, "one")
        server.start()
        assert seen(server, 6) == {"one"}
        wait_until(lambda: len(workers(server)) == 2 and loads(server) == (1 if preload == "on" else 2), 30, "all processes")
        put(server, "broken", BROKEN.replace("{data!r}", repr(str(server.root / "data"))))
        wait_until(lambda: ask(server) and (server.root / "data" / "loads").exists(), 30, "a process that loads it")
        return server

    return made


def mended(server):
    """Without another touch."""
    wait_until(lambda: seen(server) == {"mended"}, 30, "the mended code")
    assert server.log().count("ValueError: version broken") <= 1, "one attempt"


@PRELOAD
@pytest.mark.parametrize("asked", [True, False], ids=["a request has noticed", "nobody has noticed"])
def test_mended_while_it_is_loaded(loading, preload, asked):
    server = loading(preload)
    put(server, "mended")
    if asked:
        began = server.mark()
        ask(server)
        server.wait_for_log("script.py has changed: process [0-9]+ noticed", began)
    server.write("data/go", "")
    if not asked:
        server.wait_for_log(CALLED_OFF)
    mended(server)


@PRELOAD
def test_mended_before_the_leader_knows_that_it_was_broken(loading, preload):
    server = loading(preload)
    stopped = leader(server)
    os.kill(stopped, signal.SIGSTOP)
    try:
        server.write("data/go", "")
        server.wait_for_log("ValueError: version broken")
        put(server, "mended")
        assert seen(server, 6) == {"one"}, "a request has noticed"
    finally:
        os.kill(stopped, signal.SIGCONT)
    mended(server)


@PRELOAD
def test_still_broken_after_it_was_saved_again(loading, preload):
    server = loading(preload)
    put(server, "second", "raise ValueError('version {version}')\n")
    server.write("data/go", "")
    wait_until(lambda: ask(server) and "ValueError: version second" in server.log(), 30, "the second attempt")
    assert seen(server, 20) == {"one"}
    assert server.log().count("ValueError: version second") == 1, "it is not tried again by itself"
    put(server, "mended")
    mended(server)
