"""The documents are followed, page by page, on a machine of their own: files written, commands run, answers compared.

What a block means is said in support/blocks.py, what the machine is in support/machine.py. Nothing is fetched: packages
come from the tests' own environment.
"""

import re

import pytest
from support import machine
from support.blocks import ROOT, blocks, does

pytestmark = [pytest.mark.ours, pytest.mark.timeout(1800)]
ALL = blocks()
PAGES = sorted({block.page for block in ALL if does(block) == "run"})


@pytest.fixture
def fresh():
    """A machine on which mod_wsgi is installed."""
    if machine.why_not():
        pytest.skip(f"THE DOCUMENTS ARE NOT FOLLOWED: a machine of their own {machine.why_not()}")
    made = machine.Machine()
    yield made
    made.discard()


def matches(expected, printed):
    """Whether this was printed: `…` stands for anything, alone in a line for any lines."""
    lines = [r"(?:.*\n)*" if line.strip() == "…" else ".*".join(map(re.escape, line.rstrip().split("…"))) + r"\n" for line in expected]
    return re.fullmatch("".join(lines), "".join(line.rstrip() + "\n" for line in printed.strip("\n").splitlines()))


def follow(place, block):
    """Runs the commands of a block, and compares what they print."""
    commands = block.commands()
    for number, (command, expected) in enumerate(commands):
        is_last = number == len(commands) - 1
        if is_last and block.get("foreground"):
            place.start_in_front(command, block.get("foreground"))
            continue
        status, printed = place.run(command)
        should_fail = is_last and block.get("fails") is not None
        assert (status != 0) == should_fail, f"{block}: {command} ended with {status}:\n{printed}\n{logs(place)}"
        assert not expected or matches(expected, printed), f"{block}: {command} printed\n{printed}\n{logs(place)}"


def logs(place):
    """The last lines of httpd's log on the machine, for the report."""
    return place.root("tail -n 30 /var/log/apache2/error.log 2>/dev/null || true")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page, fresh):
    missing = []
    if not any("a2enmod wsgi" in block.text for block in ALL if block.page == page):
        fresh.root("a2enmod wsgi")
    for block in [block for block in ALL if block.page == page]:
        if does(block) == "written":
            fresh.write(block.get("file"), block.text, block.get("mode") or "644")
        elif does(block) == "run":
            if block.get("meanwhile") is None:
                fresh.stop_front()
            needed = block.get("needs")
            if needed and fresh.run(f"command -v {needed}")[0] != 0:
                missing.append(f"{block} needs {needed}")
            else:
                follow(fresh, block)
    fresh.stop_front()
    if missing:
        pytest.skip(f"NOT ALL OF THE PAGE WAS RUN: {', '.join(missing)}")


def test_machines_compare():
    """The comparison itself: `…` is not everything."""
    assert matches(["a…c", "…", "end"], "abc\nx\ny\nend\n")
    assert matches(["…", "a", "…"], "a")
    assert not matches(["a…c"], "abd")
    assert not matches(["a"], "a\nb")
