"""Exceptions at every stage of a request: what the client gets, whether close() runs, and what is logged."""

import uuid

import pytest
from support.http import Cut

BEFORE = ["call", "after-start", "write-type", "iter", "next"]
AFTER = ["after-write", "next-later", "type-later"]
CLOSED = {"iter", "next", "next-later", "type-later", "close-after-error", "close"}


def closes(site, name):
    """How often close() was called."""
    path = site.root / "data" / name
    return path.read_text().count("closed") if path.exists() else 0


@pytest.mark.parametrize("stage", BEFORE)
def test_before_the_head(site, stage):
    name = uuid.uuid4().hex
    response = site.get(f"/app/stages.py/{stage}?{name}")
    assert (response.status, b"Internal Server Error" in response.body) == (500, True)
    site.wait_for_log("TypeError" if stage == "write-type" else f"Boom: raised in {stage}", site.since)
    assert closes(site, name) == (stage in CLOSED)


@pytest.mark.ours
@pytest.mark.parametrize("stage", AFTER)
def test_after_the_head(site, stage):
    name = uuid.uuid4().hex
    with pytest.raises(Cut) as cut:
        site.get(f"/app/stages.py/{stage}?{name}")
    assert cut.value.received in (b"written ", b"one ", b"one two") or b"one" in cut.value.received or b"written" in cut.value.received
    site.wait_for_log("TypeError" if stage == "type-later" else f"Boom: raised in {stage}", site.since)
    assert closes(site, name) == (stage in CLOSED)


@pytest.mark.parametrize("stage", ["close", "property", "property-attribute", "no-close", "whole"])
def test_close_changes_nothing_for_the_client(site, stage):
    name = uuid.uuid4().hex
    with site.connect() as client:
        for count in (1, 2):
            response = client.request("GET", f"/app/stages.py/{stage}?{name}")
            assert (response.status, response.body) == (200, b"one two")
            assert closes(site, name) == (count if stage in ("close", "whole") else 0)
    if stage in ("close", "property"):
        site.wait_for_log(f"Boom: raised in {stage}", site.since)
    else:
        assert "Traceback" not in site.log(site.since)


@pytest.mark.ours
def test_both_errors_are_logged(site):
    name = uuid.uuid4().hex
    with pytest.raises(Cut):
        site.get(f"/app/stages.py/close-after-error?{name}")
    site.wait_for_log("Boom: raised in the body", site.since)
    site.wait_for_log("Boom: raised in close", site.since)
    assert closes(site, name) == 1


def test_the_process_goes_on(site):
    for stage in [*BEFORE, *AFTER, "close"]:
        try:
            site.get(f"/app/stages.py/{stage}?x")
        except Cut:
            pass
    assert site.get("/app/hello.py").body == b"Hello, world!"


LOADING = {
    "exit": ("raise SystemExit(3)", "SystemExit"), "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "recursion": ("def f():\n    f()\nf()", "RecursionError"), "missing": ("import nothing_of_that_name", "nothing_of_that_name"),
    "memory": ("raise MemoryError", "MemoryError"), "odd": ("class Odd(BaseException):\n    pass\nraise Odd('text')", "Odd: text"),
}


@pytest.mark.parametrize("case", LOADING)
def test_while_it_is_loaded(serve, mode, case):
    text, logged = LOADING[case]
    server = serve("WSGIScriptAlias /bad ${ROOT}/bad.py\nWSGIScriptAlias /good ${APPS}/hello.py\n", mode, files={"bad.py": text + "\n"})
    for _ in range(2):
        assert server.get("/bad").status == 500
    server.wait_for_log(logged)
    assert server.get("/good").body == b"Hello, world!"


def test_an_exception_that_cannot_be_shown(serve, mode):
    script = ('"""Raises what cannot be shown."""\nclass Odd(Exception):\n    def __str__(self):\n        raise RuntimeError("no text")\n'
              "    __repr__ = __str__\ndef application(environ, start_response):\n    raise Odd()\n")
    server = serve("WSGIScriptAlias / ${ROOT}/odd.py\n", mode, files={"odd.py": script})
    for _ in range(2):
        assert server.get("/").status == 500
    server.wait_for_log("Odd")
