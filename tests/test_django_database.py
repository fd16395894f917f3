"""Django's databases behind httpd: transactions, connections that end with their request or are kept, many writers."""

import json
import urllib.parse
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import daemon_lines
from support import library as site
from support import postgresql
from support.processes import wait_until


@pytest.fixture(scope="session")
def server_of_databases():
    """PostgreSQL, started once and at the end stopped; {} until then."""
    running = {}
    yield running
    for server in running.values():
        server.stop()


@pytest.fixture
def postgres(shared, mode, packages, server_of_databases):
    """The Django project with PostgreSQL, at /postgresql; psycopg wants the main interpreter."""
    if not postgresql.programs():
        pytest.skip("THERE IS NO POSTGRESQL ON THIS MACHINE: Django with a database server cannot be tested here")

    def make():
        options = f"threads=4 python-path={packages}:${{ROOT}}/django"
        server = site.make(packages, daemon_lines(mode, options) + "WSGIScriptAlias /postgresql ${ROOT}/django/application_postgresql.py "
                           "application-group=%{GLOBAL}\n")
        server_of_databases[mode] = postgresql.PostgreSQL(server.root / "data")
        site.prepare(server.root, packages, settings="library.settings_postgresql_setup")
        return server

    server = shared("postgresql", mode, make)
    server.database = server_of_databases[mode]
    return server


def titles(server, mount, prefix):
    """The books with a prefix."""
    return json.loads(server.get(f"{mount}/books/?prefix={prefix}").body)


def add(server, mount, title):
    """Adds a book."""
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    return server.post(f"{mount}/add/", urllib.parse.urlencode({"title": title}).encode(), headers)


def check_transactions(server, mount):
    """What an exception takes back, and what not."""
    prefix = uuid.uuid4().hex
    assert add(server, mount, f"{prefix} Grüße").text == f"{prefix} Grüße"
    assert server.get(f"{mount}/fail/?title={prefix}").status == 500
    assert titles(server, mount, prefix) == [f"{prefix} Grüße"]
    assert server.get(f"{mount}/fail_late/?title={prefix}").status == 500
    assert titles(server, mount, prefix) == [f"{prefix} Grüße", f"{prefix} kept"]


def check_writers(server, mount):
    """Many clients write at once, and nothing is lost."""
    prefix = uuid.uuid4().hex
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda number: add(server, mount, f"{prefix} {number:02}").status, range(24)))
    assert answers == [201] * 24
    assert titles(server, mount, prefix) == [f"{prefix} {number:02}" for number in range(24)]


@pytest.mark.parametrize("mount", ["/db", "/files", "/valid"])
def test_transactions(library, mount):
    check_transactions(library, mount)


@pytest.mark.parametrize("mount", ["/db", "/files"])
def test_writers(library, mount):
    check_writers(library, mount)


def kept(server, mount, count=40):
    """Whether each request found its thread's connection open, by thread; there are fewer threads than requests."""
    by_thread = {}
    for _ in range(count):
        answer = json.loads(server.get(f"{mount}/kept/").body)
        by_thread.setdefault(answer["thread"], []).append(answer["kept"])
    return by_thread


def test_connections_end_with_their_request(library):
    """CONN_MAX_AGE=0: request_finished closes them."""
    titles(library, "/db", "x")
    assert not any(any(found) for found in kept(library, "/db").values())


def test_connections_are_kept(library):
    """CONN_MAX_AGE=600: a thread of ours keeps its locals, and so its connection, from request to request."""
    found = kept(library, "/files")
    assert found and all(all(answers[1:]) for answers in found.values())
    assert any(len(answers) > 1 for answers in found.values())


OURS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
END_SLOW_ONE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"


def test_postgresql(postgres):
    """One test for all: the server takes seconds to start."""
    check_transactions(postgres, "/postgresql")
    check_writers(postgres, "/postgresql")
    # after the requests no session of the site is left
    wait_until(lambda: postgres.database.query(OURS) == "0", 10, "the end of the connections")
    # the database server ends a session while a request runs: 500, the reason is logged, the next request connects again
    with postgres.connect() as client:
        client.start("GET", "/postgresql/slow_query/")
        wait_until(lambda: postgres.database.query(END_SLOW_ONE) == "t", 10, "the slow query")
        assert client.finish().status == 500
    postgres.wait_for_log("OperationalError|AdminShutdown", postgres.since)
    assert titles(postgres, "/postgresql", "x") == []
