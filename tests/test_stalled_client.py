"""A client that stops reading for longer than Timeout: what it gets never looks complete when it was cut."""

import time

import pytest
from support import spool
from support.http import Cut
from support.processes import wait_until

ENDLESS = '''
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (b"x" * 65536 for _ in range(int(environ["QUERY_STRING"])))
'''


# As many blocks as are spooled whole, and more.
@pytest.mark.parametrize("blocks", [600, 1800])
def test_cut_shows(serve, mode, blocks):
    server = serve("Timeout 1\nWSGIScriptAlias / ${ROOT}/endless.py\n", mode, files={"endless.py": ENDLESS})
    with server.connect() as client:
        client.start("GET", f"/?{blocks}")
        if mode == "daemon":
            wait_until(lambda: spool.files(server), 20, "what is kept for the client")
            wait_until(lambda: not spool.files(server), 20, "the server to give the client up")
        else:
            time.sleep(2)
        with pytest.raises((Cut, ConnectionError)):
            client.finish()
    assert server.get("/?2").body == b"x" * 131072
