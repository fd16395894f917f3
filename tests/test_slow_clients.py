"""Clients that take their response slowly or not at all: no thread of the application waits for them, with the event MPM
none of httpd's does, and what is kept for them has a place, a limit and an end."""

import contextlib
import os
import shutil
import socket
import ssl
import time

import pytest
from support import spool
from support.access import certificate
from support.http import Connection, Cut
from support.http2 import Http2
from support.processes import wait_until
from support.server import free_port

from apps.flood import content

pytestmark = pytest.mark.ours
CONF = """
WSGIScriptAlias /flood ${APPS}/flood.py
WSGIScriptAlias /hello ${APPS}/hello.py
SetEnv MOD_WSGI_TEST_DATA ${ROOT}/data
"""
MIB = 1 << 20


@pytest.fixture
def flooded(serve):
    """A server with one thread for the application, and a folder for its spools."""

    def start(options="", conf="", **settings):
        made = serve(CONF + conf, "daemon", options=f"threads=1 spool-directory=${{ROOT}}/data/spool {options}", run=False, **settings)
        made.spool = made.root / "data" / "spool"
        made.spool.mkdir()
        if os.geteuid() == 0:
            shutil.chown(made.spool, "www-data")
        certificate(made.root)
        return made.start()

    return start


def sluggish(server, path, stack):
    """A client that has asked and takes nothing. (With a smaller buffer the loopback interface crawls.)"""
    client = stack.enter_context(server.connect())
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
    client.start("GET", path)
    return client


def ended(server, name, timeout=20):
    """Waits until the application has ended a response."""
    note = server.root / "data" / name
    wait_until(lambda: note.exists() and note.read_text() == "end", timeout, f"the end of {name}")


def crowd(server, stack, count, size, more=""):
    """Clients that take nothing of their responses, once the application is done with all of these."""
    clients = [sluggish(server, f"/flood?size={size}&name=slow{number}{more}", stack) for number in range(count)]
    for number in range(count):
        ended(server, f"slow{number}")
    return clients


@pytest.mark.parametrize("kind", ["generator", "list", "write", "file"])
@pytest.mark.parametrize("length", ["", "&length"])
def test_the_application_is_done_before_the_client(flooded, kind, length):
    server = flooded()
    with contextlib.ExitStack() as stack:
        clients = crowd(server, stack, 8, 6 * MIB, f"&kind={kind}{length}")
        assert server.get("/hello").body == b"Hello, world!"
        for client in clients:
            assert client.finish().body == content(6 * MIB)
    wait_until(lambda: not spool.files(server, server.spool), what="the end of the spools")


@pytest.mark.parametrize("kind", ["generator", "list", "file"])
def test_no_thread_of_httpd_waits_with_the_event_mpm(flooded, kind):
    """Files of the application need sendfile for that, as httpd's own do."""
    sendfile = "On" if kind == "file" else "Off"
    server = flooded(conf=f"EnableSendfile {sendfile}\nAsyncRequestWorkerFactor 10\n", threads=4)
    with contextlib.ExitStack() as stack:
        clients = crowd(server, stack, 12, 6 * MIB, f"&kind={kind}&length")
        assert server.get("/hello").body == b"Hello, world!"
        for client in clients:
            assert client.finish().body == content(6 * MIB)
            assert client.request("GET", "/hello").body == b"Hello, world!", "the connection goes on"


@pytest.mark.parametrize("mpm", ["worker", "prefork"])
def test_with_the_other_mpms(flooded, mpm):
    server = flooded(mpm=mpm)
    with contextlib.ExitStack() as stack:
        clients = crowd(server, stack, 3, 6 * MIB)
        for client in clients:
            assert client.finish().body == content(6 * MIB)


def test_an_endless_response_does_not_fill_the_disk(flooded):
    """The application waits at the limit, and goes on as the client takes something."""
    server = flooded("response-spool-limit=2M")
    made = lambda: int((server.root / "data" / "endless").read_text())  # noqa: E731
    with contextlib.ExitStack() as stack:
        client = sluggish(server, "/flood?size=0&kind=endless&name=endless", stack)
        wait_until(lambda: spool.size(server, server.spool) >= 2 * MIB - MIB // 4, 20, "a full spool")
        (status,) = spool.files(server, server.spool)
        assert status.st_mode & 0o777 == 0o600
        stopped = wait_until(lambda: (before := made()) and not time.sleep(1) and before == made() and before, 20, "the application to wait")
        assert spool.size(server, server.spool) <= 2 * MIB + MIB // 2
        client.head()
        taken = b""
        while len(taken) < (stopped + 40) * 65536:
            taken += client.chunk()
        assert taken == content(len(taken)), "the file is used again and again, in order"
        assert spool.size(server, server.spool) <= 2 * MIB + MIB // 2
    wait_until(lambda: not spool.files(server, server.spool), what="the end of the spool")
    assert server.get("/hello").body == b"Hello, world!", "the application ends with its client"


@pytest.mark.parametrize("limit", ["0", "100K", "1M"])
def test_a_limit_changes_nothing_but_who_waits(flooded, limit):
    server = flooded(f"response-spool-limit={limit}")
    with contextlib.ExitStack() as stack:
        client = sluggish(server, f"/flood?size={30 * MIB}&name=slow", stack)
        assert client.finish().body == content(30 * MIB)
    assert server.get(f"/flood?size={3 * MIB}").body == content(3 * MIB)


def test_clients_that_pause(flooded):
    """Fast and slow by turns: nothing is lost, doubled or out of order."""
    server = flooded("response-spool-limit=4M")
    with contextlib.ExitStack() as stack:
        client = sluggish(server, f"/flood?size={40 * MIB}&name=slow", stack)
        client.head()
        taken, pause = [], 1
        while piece := client.chunk():
            taken.append(piece)
            if len(taken) == pause:
                pause *= 2
                time.sleep(0.05)  # the client's pauses are the test
        assert b"".join(taken) == content(40 * MIB)


def test_a_client_that_goes_leaves_nothing(flooded):
    server = flooded()
    with contextlib.ExitStack() as stack:
        clients = crowd(server, stack, 4, 12 * MIB)
        assert spool.files(server, server.spool)
        for client in clients:
            client.reset()
        wait_until(lambda: not spool.files(server, server.spool), 20, "the end of the spools")
    assert server.get("/hello").body == b"Hello, world!"


def test_without_room_on_disk_the_thread_waits_and_the_log_says_so(flooded):
    server = flooded()
    server.spool.rmdir()
    with contextlib.ExitStack() as stack:
        for name in ("one", "two"):
            client = sluggish(server, f"/flood?size={12 * MIB}&name={name}", stack)
            server.wait_for_log(r"process group `app`: what slow clients have not taken yet cannot be kept in .*/data/spool: "
                                r"No such file or directory.*; they hold threads of the application meanwhile; .*spool-directory=")
            assert client.finish().body == content(12 * MIB)
    assert server.log().count("cannot be kept in") == 1


def test_a_client_that_stops_is_given_up(flooded):
    server = flooded("response-socket-timeout=2")
    with contextlib.ExitStack() as stack:
        client = sluggish(server, f"/flood?size={40 * MIB}&name=slow", stack)
        wait_until(lambda: spool.files(server, server.spool), 20, "the spool")
        wait_until(lambda: not spool.files(server, server.spool), 20, "the end of the spool")
        with pytest.raises((Cut, ConnectionError)):
            client.finish()


def test_a_client_that_stops_is_given_up_while_more_comes(flooded):
    server = flooded("response-socket-timeout=2")
    with contextlib.ExitStack() as stack:
        client = sluggish(server, "/flood?size=0&kind=endless&pause=0.2&name=slow", stack)
        wait_until(lambda: spool.files(server, server.spool), 20, "the spool")
        ended(server, "slow")
        with pytest.raises((Cut, ConnectionError)):
            client.finish()


def test_a_rate_limit_holds_no_thread_and_is_kept(flooded):
    server = flooded(conf="<Location /flood>\nSetOutputFilter RATE_LIMIT\nSetEnv rate-limit 400\n</Location>\n", modules=("ratelimit",))
    with server.connect() as client:
        begun = time.monotonic()
        client.start("GET", f"/flood?size={2 * MIB}&name=slow")
        client.head()
        ended(server, "slow")
        assert server.get("/hello").body == b"Hello, world!"
        at_end_of_application = time.monotonic() - begun
        assert client.chunks() == content(2 * MIB)
        took = time.monotonic() - begun
    assert took > 2 * MIB / (400 * 1024) * 0.8, "not faster than the rate"
    assert at_end_of_application < took - 1, "the application was done long before"


def test_through_tls(flooded):
    port = free_port()
    conf = (f"Listen 127.0.0.1:{port}\n<VirtualHost *:{port}>\nServerName secure.example.com\nSSLEngine On\n"
            "SSLCertificateFile ${ROOT}/cert.pem\nSSLCertificateKeyFile ${ROOT}/key.pem\n</VirtualHost>\n")
    made = flooded(conf=conf, modules=("ssl", "socache_shmcb"))
    context = ssl.create_default_context(cafile=made.root / "cert.pem")
    wrap = lambda plain: context.wrap_socket(plain, server_hostname="localhost")  # noqa: E731
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Connection(port, wrap=wrap)) for _ in range(4)]
        for number, client in enumerate(clients):
            client.start("GET", f"/flood?size={6 * MIB}&name=slow{number}")
        for number in range(4):
            ended(made, f"slow{number}")
        assert made.get("/hello").body == b"Hello, world!"
        for client in clients:
            assert client.finish().body == content(6 * MIB)


def test_through_http2(flooded):
    """As long as the application does not pause: what it says before a pause is passed on, and HTTP/2 waits for its window."""
    server = flooded("response-flush-delay=20000", conf="Protocols h2c http/1.1\n", modules=("http2",))
    with Http2(server.port, window=1 << 16) as client:
        numbers = [client.start("GET", f"/flood?size={MIB - 1}&name=slow{number}") for number in range(6)]
        for number in range(6):
            ended(server, f"slow{number}")
        assert server.get("/hello").body == b"Hello, world!"
        for number in numbers:
            assert client.finish(number).body == content(MIB - 1)
