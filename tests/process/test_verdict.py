"""A worker that is asked for verdicts: the frames of each task, questions to mod_ssl, and children that go away."""

import struct

import pytest
import wire
from group import until

GUARD = """
def allow_access(environ, host):
    ask = environ["mod_ssl.var_lookup"]
    return ask(host) == "on" if host.startswith("SSL") else {"yes": True, "no": False, "none": None}.get(host, host)
def check_password(environ, user, password): return password == "secret" and (user.upper() if user.islower() else True)
def get_realm_hash(environ, user, realm): return f"{user}:{realm}".encode() if user else None
def groups_for_user(environ, user): return ["a", b"bc", user]
def process_group(environ): return "other"
def callable_object(environ): return b""
"""
ACCESS, PASSWORD, REALM_HASH, GROUPS, DISPATCH = range(1, 6)
ALLOWED, DENIED, UNKNOWN, FAILED, TEXT, LIST, ROUTES = (bytes([number]) for number in range(1, 8))


def text(value):
    return struct.pack("<I", len(value)) + value


VERDICTS = [
    ((ACCESS, "yes"), ALLOWED),
    ((ACCESS, "no"), DENIED),
    ((ACCESS, "none"), UNKNOWN),
    ((ACCESS, "1"), FAILED),
    ((PASSWORD, "JOE", "secret"), ALLOWED),
    ((PASSWORD, "joe", "secret"), TEXT + text(b"JOE")),
    ((PASSWORD, "joe", "x"), DENIED),
    ((REALM_HASH, "joe", "r"), TEXT + text(b"joe:r")),
    ((REALM_HASH, "", "r"), UNKNOWN),
    ((GROUPS, b"\xe4"), LIST + struct.pack("<I", 3) + text(b"a") + text(b"bc") + text(b"\xe4")),
    ((DISPATCH,), ROUTES + b"\1" + text(b"other") + b"\0" + text(b"") + b"\1" + text(b"")),
]


@pytest.fixture
def guard(group):
    site = group(GUARD)
    site.ready()
    return site


def flags(*more):
    return wire.RELOADING | wire.NO_BODY | sum(more)


def question(response):
    """The next frame but those for the log."""
    while (frame := response.frame())[0] == wire.LOG:
        pass
    return frame


def test_tasks(guard):
    for task, verdict in VERDICTS:
        answer = guard.get(flags=flags(), task=task)
        assert (answer.verdict, answer.outcome, answer.status, answer.keep) == (verdict, 0, None, 1), (task, answer)


def test_an_announced_task(guard):
    answer = guard.get(flags=flags(wire.ANNOUNCE), task=(ACCESS, "yes"))
    assert (answer.verdict, answer.outcome, answer.pid) == (ALLOWED, 0, guard.workers()[0])


def test_questions_to_mod_ssl(guard):
    for found, value, verdict in ((1, b"on", ALLOWED), (1, b"off", DENIED), (0, b"", DENIED)):
        connection = guard.send(flags=flags(), task=(ACCESS, "SSL_X"))
        response = wire.Response(connection)
        assert question(response) == (wire.LOOKUP, b"SSL_X")
        connection.send(wire.frame(wire.VALUE, value, found))
        answer = response.whole()
        assert (answer.verdict, answer.outcome, answer.keep) == (verdict, 0, 1)
        connection.close()


@pytest.mark.parametrize("sent", [b"", wire.frame(wire.VALUE, b"on", 1)[:9], wire.frame(wire.BODY, b"on"), b"\xff" * 8])
def test_a_child_that_does_not_answer(guard, sent):
    connection = guard.send(flags=flags(), task=(ACCESS, "SSL_X"))
    assert question(wire.Response(connection)) == (wire.LOOKUP, b"SSL_X")
    connection.send(sent)
    connection.close()
    until(lambda: guard.area.slot(0, "reserved") == 0 and guard.area.slot(0, "busy") == 0, "the thread to be free")
    assert guard.get(flags=flags(), task=(ACCESS, "yes")).verdict == ALLOWED
