"""close() of the returned iterable is called exactly once, however the response ends."""

import uuid

import pytest
from support.http import Cut
from support.processes import wait_until


def closed(site, name, timeout=10):
    """The number of calls, once there was one."""
    path = site.root / "data" / name
    wait_until(path.exists, timeout, "close()")
    site.get("/app/hello.py")  # whatever came after the first call has come by now
    return len(path.read_text().splitlines())


@pytest.mark.parametrize("way, status", [("whole", 200), ("empty", 200), ("before", 500), ("str", 500),
                                         ("not-iterable", 500), ("no-start", 500), ("close-raises", 200)])
def test_once(site, way, status):
    name = uuid.uuid4().hex
    assert site.get(f"/app/closing.py/{way}?{name}").status == status
    assert closed(site, name) == 1


def test_once_for_head(site):
    name = uuid.uuid4().hex
    assert site.request("HEAD", f"/app/closing.py/whole?{name}").status == 200
    assert closed(site, name) == 1


def test_once_after_an_error_in_the_body(site):
    name = uuid.uuid4().hex
    try:
        site.get(f"/app/closing.py/after?{name}")
    except Cut:
        pass
    assert closed(site, name) == 1


def test_once_when_the_client_goes(site):
    name = uuid.uuid4().hex
    with site.connect() as client:
        client.start("GET", f"/app/closing.py/endless?{name}")
        client.take(200_000)
        client.reset()
    assert closed(site, name) == 1


def test_an_error_in_close_is_logged(site):
    site.get(f"/app/closing.py/close-raises?{uuid.uuid4().hex}")
    site.wait_for_log("RuntimeError: in close", site.since)
