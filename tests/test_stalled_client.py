"""A client that stops reading for longer than Timeout: what it gets never looks complete when it was cut."""

import time

import pytest
from support.http import Cut

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
        time.sleep(2)
        with pytest.raises((Cut, ConnectionError)):
            client.finish()
    assert server.get("/?2").body == b"x" * 131072
