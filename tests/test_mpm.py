"""The core of everything with the other MPMs, and as an ordinary user."""

import json
import pwd

import pytest
from support import processes
from support.http import Cut
from support.load import Load
from support.processes import wait_until

CONF = ("WSGIScriptAlias /hello ${APPS}/hello.py\nWSGIScriptAlias /environ ${APPS}/environ.py\nWSGIScriptAlias /digest ${APPS}/digest.py\n"
        "WSGIScriptAlias /files ${APPS}/files.py\nWSGIScriptAlias /failing ${APPS}/failing.py\nWSGIScriptAlias /process ${APPS}/process.py\n"
        "WSGIScriptAlias /stream ${APPS}/stream.py\nSetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\n")


def core(server):
    """Every kind of request once."""
    assert server.get("/hello").body == b"Hello, world!"
    assert server.post("/digest", b"x" * 300_000).text.startswith("300000 ")
    server.write("data/file", b"content" * 20_000)
    assert server.get("/files", {"X-File": '{"name": "file", "offset": 7}'}).body == b"content" * 19_999
    assert server.get("/failing/before").status == 500
    try:
        server.get("/failing/after")
    except Cut:
        pass
    with server.connect() as client:
        client.start("GET", "/stream/generator?s")
        client.head()
        assert client.chunk() == b"block 1\n"
        server.write("data/s.2", "")
        assert client.chunk() == b"block 2\n"
        server.write("data/s.3", "")
        assert client.chunks() == b"block 3\n"
    with Load(server, "/hello", b"Hello, world!", clients=3, keep=True) as load:
        wait_until(lambda: load.count > 200, 30, "requests")
        server.graceful()
        wait_until(lambda: load.count > 400, 30, "requests")
    load.assert_clean(400)


@pytest.mark.ours
@pytest.mark.parametrize("mpm", ["worker", "prefork"])
def test_core(serve, mode, mpm):
    server = serve(CONF, mode, mpm=mpm, children=2, threads=4)
    core(server)
    facts = json.loads(server.get("/process").body)
    embedded = mode == "embedded"
    assert facts["multiprocess"] is embedded
    assert facts["multithread"] is (not embedded or mpm == "worker")


@pytest.mark.ours
@pytest.mark.root
@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_started_by_an_ordinary_user(serve, mode, mpm):
    server = serve(CONF, mode, mpm=mpm, run_as="daemon")
    core(server)
    uid = pwd.getpwnam("daemon").pw_uid
    assert json.loads(server.get("/process").body)["uid"] == uid
    assert {processes.real_uid(pid) for pid in server.processes()} - {None} == {uid}, "but for those that have just ended"


@pytest.mark.ours
@pytest.mark.root
def test_user_option_is_ignored_without_root(serve):
    server = serve("WSGIDaemonProcess a user=nobody\nWSGIScriptAlias / ${APPS}/process.py process-group=a\n", run_as="daemon")
    assert json.loads(server.get("/").body)["uid"] == 1
