"""Every kind of reload under a constant load: nothing fails, nothing is cut. tests/bench/reloads does the same 200 times."""

import pytest
from support import reloads
from support.mixed import Mixed
from support.processes import wait_until

pytestmark = pytest.mark.ours


@pytest.mark.parametrize("mpm", ["event", "prefork"])
@pytest.mark.parametrize("kind", reloads.KINDS)
def test_no_request_is_lost(serve, mpm, kind):
    options, reload, brings_code = reloads.KINDS[kind]
    server = serve(reloads.configuration(options), mpm=mpm, run=False)
    reloads.put(server, 0)
    server.start()
    with Mixed(server.port) as load:
        wait_until(lambda: reloads.all_answer(server, load), 30, "answers of every process")
        for number in range(1, 6):
            reload(server, load, number)
        tally = load.take()
    assert not tally.failed and not tally.cut, (tally.failed[:5], tally.cut[:5])
    assert len(tally.times) > 20
    assert tally.versions == ({f"v{number}" for number in range(6)} if brings_code else {"v0"})
