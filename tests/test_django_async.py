"""Asynchronous Django views without an ASGI server: each runs in an event loop on the thread of its request."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import validated


@pytest.fixture(params=["/db", "/files", "/valid"])
def mount(request, library):
    """Each site, and the first below the validator."""
    yield request.param
    validated.check(library.log(library.since))


def test_tasks_run_at_once(library, mount):
    assert json.loads(library.get(f"{mount}/together/").body) == {"numbers": [0, 1, 2], "path": f"{mount}/together/"}


def test_requests_at_once(library, mount):
    """Loops of several threads do not meet."""
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: json.loads(library.get(f"{mount}/together/").body)["numbers"], range(24)))
    assert answers == [[0, 1, 2]] * 24


def test_database(library, mount):
    answer = json.loads(library.get(f"{mount}/count/").body)
    assert answer["here"] == answer["thread"]


def test_threads_do_not_pile_up(library, mount):
    """Loops end with their request, and with them the threads that they made."""
    threads = [json.loads(library.get(f"{mount}/count/").body)["threads"] for _ in range(30)]
    assert max(map(len, threads)) <= 3, threads


def test_stream(library, mount):
    response = library.get(f"{mount}/astream/")
    assert response.text == "line 0\nline 1\nline 2\n"
    library.wait_for_log("must consume asynchronous iterators in order to serve them synchronously", 0)


def test_exception(library, mount):
    assert library.get(f"{mount}/broken/").status == 500
    library.wait_for_log("RuntimeError: failed in an asynchronous view", library.since)
    assert library.get(f"{mount}/together/").status == 200


def test_program(library, mount):
    """asyncio waits for a child process although signals are not for applications."""
    assert library.get(f"{mount}/program/").text == "said by a program\n"
