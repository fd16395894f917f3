"""Streams of HTTP/2 whose client takes nothing, while the application pauses between its pieces: what it says in between
is passed on promptly to those that take it, and nobody's thread waits for those that do not."""

import contextlib
import gzip

import h2.settings
import pytest
from support.http2 import Http2, Reset
from support.processes import wait_until

from apps.flood import content

pytestmark = pytest.mark.ours
CONF = """
Timeout 120
Protocols h2c http/1.1
WSGIScriptAlias /flood ${APPS}/flood.py
WSGIScriptAlias /hello ${APPS}/hello.py
SetEnv MOD_WSGI_TEST_DATA ${ROOT}/data
"""
CONFS = {"plain": "", "deflate": "SetOutputFilter DEFLATE\n", "little memory": "H2StreamMaxMemSize 4096\n"}
GZIP = {"Accept-Encoding": "gzip"}  # of no effect without the filter
KIB = 1 << 10


@pytest.fixture
def stalled(serve):
    """A server with one thread for the application."""

    def start(conf="", options="", **settings):
        return serve(CONF + conf, "daemon", options=f"threads=1 {options}", modules=("http2", "deflate"), **settings)

    return start


def ended(server, name):
    """Waits until the application has ended a response."""
    note = server.root / "data" / name
    wait_until(lambda: note.exists() and note.read_text() == "end", 60, f"the end of {name}")


def plain(response):
    """The body without its compression, if it has one."""
    return gzip.decompress(response.body) if response.header("content-encoding") == "gzip" else response.body


def take(client):
    """From now on the client takes what comes."""
    client.state.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20})
    client.flush()


# Many small pieces; some that are larger than what mod_http2 keeps for a stream; and an odd size of each.
@pytest.mark.parametrize(("size", "block"), [(400 * KIB, 8 * KIB), (1500 * KIB, 300 * KIB), (1_000_001, 70_001)])
@pytest.mark.parametrize("conf", CONFS.values(), ids=CONFS)
def test_a_closed_window_holds_no_thread(stalled, conf, size, block):
    server = stalled(conf)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Http2(server.port, window=0)) for _ in range(3)]
        paths = [f"/flood?size={size}&block={block}&pause=0.02&name=slow{at}" for at in range(3)]
        numbers = [client.start("GET", path, GZIP) for client, path in zip(clients, paths, strict=True)]
        for at in range(3):
            ended(server, f"slow{at}")
        assert server.get("/hello").body == b"Hello, world!"
        for client, number in zip(clients, numbers, strict=True):
            take(client)
            response = client.finish(number)
            assert plain(response) == content(size)
            assert (response.header("content-encoding") == "gzip") == ("DEFLATE" in conf)


def test_a_client_that_reads_nothing_holds_no_thread(stalled):
    """Its windows are open, but its socket is full."""
    server = stalled("SendBufferSize 65536\n")
    with Http2(server.port, window=64 << 20) as client:
        number = client.start("GET", f"/flood?size={4000 * KIB}&block={200 * KIB}&pause=0.02&name=slow")
        ended(server, "slow")
        assert server.get("/hello").body == b"Hello, world!"
        assert client.finish(number).body == content(4000 * KIB)


def test_a_client_that_takes_again_gets_what_comes(stalled):
    """What was kept for it first, and then what the application goes on to say."""
    server = stalled()
    with Http2(server.port, window=0) as client:
        number = client.start("GET", "/flood?size=0&kind=endless&swift=10&pause=0.02&name=slow")
        made = server.root / "data" / "slow"
        wait_until(lambda: made.exists() and int(made.read_text()) > 20, 20, "20 blocks")
        take(client)
        stream, length = client.streams[number], 40 * 65536
        client.wait(lambda: stream.response and len(stream.response.body) >= length)
        assert stream.response.body[:length] == content(length)
        client.cancel(number)
        ended(server, "slow")
        assert client.request("GET", "/hello").body == b"Hello, world!"


@pytest.mark.parametrize("conf", CONFS.values(), ids=CONFS)
def test_a_stream_that_stops_is_given_up_while_more_comes(stalled, conf):
    """And reset: neither what was kept for it nor httpd's own end make it look complete."""
    server = stalled(conf, "response-socket-timeout=2")
    with Http2(server.port, window=0) as client:
        number = client.start("GET", "/flood?size=0&kind=endless&swift=10&pause=0.2&name=slow", GZIP)
        ended(server, "slow")
        assert not client.streams[number].ended
        take(client)
        with pytest.raises(Reset):
            client.finish(number)
        assert client.request("GET", "/hello").body == b"Hello, world!"
