"""Threads of the application's own and the request that they work for: its body, its log, its end."""

import re

import pytest
from support import processes

pytestmark = pytest.mark.ours
# More than is read before a thread is taken, so that the application runs while the rest is missing.
HALF = 100_000


def unfinished(connection, query):
    """Sends the first half of a body."""
    connection.start("POST", f"/app/helped.py?{query}", {"Content-Length": str(2 * HALF)}, b"x" * HALF)


def test_printing_does_not_wait_for_a_thread_that_reads(site):
    printed = site.root / "data" / "printed"
    printed.unlink(missing_ok=True)
    with site.connect() as connection:
        unfinished(connection, "printing")
        processes.wait_until(printed.exists, 15, "the application to print while its thread waits for the body")
        connection.send(b"x" * HALF)
        assert connection.finish().body == b"done"
    for line in ("printed 49", "to errors 49"):
        site.wait_for_log(rf"\[client .*{line}$", site.since)
    order = re.findall(r"(?:printed|to errors) (\d+)$", site.log(site.since), re.M)
    assert order == [str(number // 2) for number in range(100)]
    site.wait_for_log(f"read {2 * HALF}$", site.since)


def test_the_end_of_a_request_breaks_a_read_off(site):
    with site.connect(timeout=10) as connection:
        unfinished(connection, "leaving")
        assert connection.finish().body == b"done"
    site.wait_for_log("the reader got RuntimeError.*request had ended", site.since)
    assert site.get("/app/hello.py").status == 200


def test_errors_of_a_request_on_another_thread(site):
    assert site.get("/app/helped.py?helping").body == b"done"
    for line in ("from a thread", "and the rest"):
        site.wait_for_log(rf"\[client .*{line}$", site.since)
    assert re.search(r"of no request$", site.log(site.since), re.M)
    assert not re.search(r"\[client .*of no request", site.log(site.since))


def test_errors_of_a_request_that_has_ended(site):
    assert site.get("/app/helped.py?helping").body == b"done"
    said = site.get("/app/helped.py?late").text.split("|")
    assert len(said) == 2 and all("wsgi.errors was used after its request had ended" in text for text in said), said
