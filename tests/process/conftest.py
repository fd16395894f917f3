"""A maker of process groups; the log of each is printed when its test fails."""

import pytest
from group import STAGE, Group


@pytest.fixture
def group(tmp_path):
    if not (STAGE / "mod_wsgi_leader").exists():
        pytest.fail(f"{STAGE} has no mod_wsgi_leader: run make first")
    groups = []

    def make(script, start=True, **changes):
        groups.append(Group(tmp_path, script, **changes))
        if start:
            groups[-1].start()
        return groups[-1]

    yield make
    for made in groups:
        print(made.errors())
        made.close()
