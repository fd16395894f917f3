"""Many interpreters, threads and ends in one process."""

import pytest
from conftest import BUILDS


@pytest.mark.parametrize("build", BUILDS)
def test_many_interpreters_and_threads(run, build):
    """No hang, no fatal error, every request complete, and the end of each interpreter in order."""
    done = run("stress.py", build=build)
    assert done.returncode == 0 and done.stdout.endswith("ended\n"), (done.returncode, done.stdout, done.stderr[-4000:])
    for group in ("", "group 0.0", "group 0.1"):
        order = [f"[{group}] {what}" for what in ("process_stopping the reason", "thread done", "atexit")]
        places = [done.stderr.find(line) for line in order]
        assert -1 not in places and places == sorted(places), (order, done.stderr[-4000:])
