"""An interpreter on a file system that hangs: only the process that was to become it waits."""

import os
import signal

import pytest
from group import INTERPRETER, alive, until
from hung import hung

SCRIPT = """
import os
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"%d" % os.getpid()]
"""


@pytest.fixture
def python(tmp_path):
    """The interpreter, and a function that puts another in its place."""
    folder, link = tmp_path / "network", tmp_path / "python"
    folder.mkdir()

    def move(target):
        new = tmp_path / "python.new"
        new.symlink_to(target)
        new.rename(link)

    move(INTERPRETER)
    return link, folder, move


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def test_the_leader_goes_on(group, python):
    link, folder, move = python
    site = group(SCRIPT, start=False, processes=2, interpreter=str(link))
    leader = site.start()
    site.ready()
    first, second = site.workers()
    with hung(folder):
        move(folder / "python")
        os.kill(first, signal.SIGKILL)
        until(lambda: site.area.exit_of(first), "the record of the first end", 5)
        until(lambda: len(children(leader)) == 2 and first not in children(leader), "the one that waits for its interpreter", 5)
        assert site.get().body == b"%d" % second
        os.kill(second, signal.SIGKILL)
        until(lambda: site.area.exit_of(second), "the record of the second end", 5)
        move(INTERPRETER)
    until(lambda: "python cannot be executed: Transport endpoint is not connected" in site.errors(), "what has become of it", 5)
    site.ready()
    assert site.get().status == 200


@pytest.mark.parametrize("preload", [False, True])
def test_the_group_ends_in_time(group, python, preload):
    link, folder, move = python
    with hung(folder):
        move(folder / "python")
        site = group(SCRIPT, start=False, interpreter=str(link), preload=preload)
        leader = site.start()
        waiting = until(lambda: children(leader), "the one that waits for its interpreter")
        site.stop()
        until(lambda: not any(alive(pid) for pid in waiting), "its end", 5)
