"""A client that stops reading for longer than Timeout: what it gets never looks complete when it was cut."""

import socket

import pytest
from support.http import Cut
from support.processes import wait_until

ENDLESS = '''
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (b"x" * 65536 for _ in range(int(environ["QUERY_STRING"])))
'''


# As many blocks as are spooled whole, and more. Sockets have no room for them: Linux would give up to 36 MiB.
@pytest.mark.parametrize("blocks", [600, 1800])
def test_cut_shows(serve, mode, blocks):
    server = serve("Timeout 1\nSendBufferSize 65536\nWSGIScriptAlias / ${ROOT}/endless.py\n", mode, files={"endless.py": ENDLESS})
    with server.connect() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.start("GET", f"/?{blocks}")
        wait_until((server.root / "logs/access.log").read_bytes, 20, "the server to give the client up")
        with pytest.raises((Cut, ConnectionError)):
            client.finish()
    assert server.get("/?2").body == b"x" * 131072
