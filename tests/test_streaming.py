"""Blocks reach the client as they are made: the second is made only after the client has the first."""

import uuid

import pytest
from test_start_response import answer


@pytest.mark.parametrize("way", ["generator", "write"])
def test_blocks_as_they_are_made(wsgi, way):
    server, base = wsgi.server, uuid.uuid4().hex
    with server.connect() as client:
        client.start("GET", f"{wsgi.prefix}/stream.py/{way}?{base}")
        assert client.head().status == 200
        for step in (1, 2, 3):
            if step > 1:
                assert not (server.root / "data" / f"{base}.closed").exists()
                server.write(f"data/{base}.{step}", "")
            assert client.chunk() == b"block %d\n" % step
        assert client.chunk() == b""


def test_write_and_blocks_in_order(wsgi):
    response = answer(wsgi, write=["one ", "two "], blocks=["three ", "", "four"])
    assert response.body == b"one two three four"


def test_many_blocks(wsgi):
    blocks = [f"{number}," for number in range(200)]
    assert answer(wsgi, blocks=blocks, iterator=True).text == "".join(blocks)


@pytest.mark.parametrize("size", [0, 1, 8191, 65536, 1_000_003, 30_000_000])
def test_sizes(serve, mode, size):
    server = serve("WSGIScriptAlias / ${ROOT}/big.py", mode, files={"big.py": BIG})
    response = server.get(f"/?{size}")
    assert response.body == (b"0123456789" * (size // 10 + 1))[:size]


BIG = '''"""A body of the size that the query says, in one block."""
def application(environ, start_response):
    size = int(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(b"0123456789" * (size // 10 + 1))[:size]]
'''
