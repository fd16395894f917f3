"""wsgi.input against io.BytesIO, call by call."""

import io
import json

import pytest

BODIES = {
    "empty": b"", "one line": b"abc\n", "no end": b"abc", "lines": b"first\nsecond line\n\nfourth\nlast",
    "binary": bytes(range(256)) * 40, "long line": b"x" * 100_000 + b"\nshort\n" + b"y" * 70_000,
    "newlines": b"\n\n\n", "returns": b"a\r\nb\rc\n", "large": b"0123456789abcde\n" * 40_000,
}
CALLS = {
    "pieces": [["read", 3], ["read", 5], ["read", 100_000_000], ["read", 1]],
    "all": [["read", -1], ["read", -1], ["read", 5]],
    "nothing": [["read", 0], ["readline", 0], ["read", 2]],
    "lines": [["readline"], ["readline"], ["readline"], ["readline"], ["readline"], ["readline"]],
    "sized lines": [["readline", 3], ["readline", 3], ["readline", 200], ["readline", -1], ["readline", 1]],
    "all lines": [["readlines"], ["readlines"], ["read", 1]],
    "hinted": [["readlines", 6], ["readlines", 1], ["readlines", -1]],
    "iteration": [["iterate"], ["iterate"]],
    "large pieces": [["read", 20_000], ["readline"], ["read", 200_000], ["read", 16_384], ["readline", 9], ["read", 65_536],
                     ["read", 338_000], ["read", 65_536], ["read", 1]],
    "mixed": [["readline"], ["read", 4], ["next"], ["readline", 5], ["readlines", 3], ["next"], ["read", -1]],
}


def expected(body, calls):
    """What io.BytesIO does."""
    stream, results = io.BytesIO(body), []
    for name, *arguments in calls:
        if name == "iterate":
            results.append([line for line in stream])
        elif name == "next":
            results.append(next(iter(stream), None))
        else:
            results.append(getattr(stream, name)(*arguments))
    return [repr(result) for result in results]


@pytest.mark.parametrize("calls", CALLS)
def test_as_bytesio(wsgi, calls):
    for name, body in BODIES.items():
        response = wsgi.post("/operations.py", body, {"X-Operations": json.dumps(CALLS[calls])})
        assert response.status == 200
        assert json.loads(response.body) == expected(body, CALLS[calls]), name


def test_without_arguments_and_wrong_ones(site):
    calls = [["read", None], ["read", "x"], ["readline", "x"], ["read", 1, 2], ["read"], ["read"], ["close"], ["read"]]
    response = site.post("/app/operations.py", b"whole body", {"X-Operations": json.dumps(calls)})
    results = json.loads(response.body)
    assert results[1:4] == ["'TypeError'"] * 3
    assert results[4:] == ["b'whole body'", "b''", "None", "b''"]


@pytest.mark.ours
def test_none_is_refused_and_the_rest_absent(site):
    calls = [["read", None], ["seek", 0], ["tell"], ["fileno"]]
    response = site.post("/app/operations.py", b"whole body", {"X-Operations": json.dumps(calls)})
    assert json.loads(response.body) == ["'TypeError'", *["'AttributeError'"] * 3]


def test_slow_client(site):
    calls = json.dumps([["readline"], ["read", -1]])
    with site.connect() as client:
        client.send(b"POST /app/operations.py HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"
                    b"X-Operations: " + calls.encode() + b"\r\n\r\n")
        for byte in b"ab\ncdefghi":
            client.send(bytes([byte]))
        assert json.loads(client.finish("POST").body) == [repr(b"ab\n"), repr(b"cdefghi")]
