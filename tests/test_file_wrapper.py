"""wsgi.file_wrapper: real files, other objects, offsets and lengths."""

import json
import uuid

import pytest
from conftest import Application
from support.http import Cut
from support.processes import wait_until

CONTENT = bytes(range(256)) * 2000


def fetch(wsgi, size=len(CONTENT), **wanted):
    """The response, the content of the file, and the place of the note that close() leaves."""
    name = uuid.uuid4().hex
    content = (CONTENT * (size // len(CONTENT) + 1))[:size]
    path = wsgi.server.write(f"data/{name}", content)
    response = wsgi.get("/files.py", {"X-File": json.dumps({"name": name, **wanted})})
    return response, content, path.with_name(name + ".closed")


@pytest.mark.parametrize("kind", ["file", "like", "bytesio"])
@pytest.mark.parametrize("size", [0, 1, 8192, 65537, 5_000_000])
def test_whole(wsgi, kind, size):
    response, content, _ = fetch(wsgi, size, kind=kind)
    assert response.status == 200
    assert response.body == content


@pytest.mark.parametrize("kind", ["file", "bytesio"])
@pytest.mark.parametrize("offset", [1, 300_000, len(CONTENT)])
def test_from_an_offset(wsgi, kind, offset):
    response, content, _ = fetch(wsgi, kind=kind, offset=offset)
    assert response.body == content[offset:]


@pytest.mark.parametrize("kind", ["file", "like", "bytesio"])
def test_part(wsgi, kind):
    response, content, _ = fetch(wsgi, kind=kind, length=1000)
    assert response.header("Content-Length") == "1000"
    assert response.body == content[:1000]


def test_part_from_an_offset(wsgi):
    response, content, _ = fetch(wsgi, offset=70_000, length=100_000)
    assert response.body == content[70_000:170_000]


def test_length_is_set_for_a_real_file(site):
    response, _, _ = fetch(Application(site, "/app"), offset=1000)
    assert response.header("Content-Length") == str(len(CONTENT) - 1000)


@pytest.mark.ours
@pytest.mark.parametrize("offset", [0, 500])
def test_never_more_than_the_file_has(wsgi, offset):
    with pytest.raises(Cut) as cut:
        fetch(wsgi, 1000, offset=offset, length=5000)
    assert cut.value.received == CONTENT[offset:1000]


@pytest.mark.parametrize("kind", ["file", "like"])
def test_closed_once(wsgi, kind):
    _, _, note = fetch(wsgi, kind=kind)
    wait_until(note.exists, what="close()")
    wsgi.get("/hello.py")
    assert note.read_text() == "closed\n"


def test_small_blocks(wsgi):
    response, content, _ = fetch(wsgi, 10_000, kind="like", block=7)
    assert response.body == content


def test_head_of_a_file(wsgi):
    name = uuid.uuid4().hex
    wsgi.server.write(f"data/{name}", CONTENT)
    response = wsgi.request("HEAD", "/files.py", {"X-File": json.dumps({"name": name})})
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize("setting", ["EnableSendfile On\nWSGIEnableSendfile On", "EnableSendfile Off"])
def test_with_and_without_sendfile(serve, mode, setting):
    server = serve(f"WSGIScriptAlias / ${{APPS}}/files.py\nSetEnv MOD_WSGI_TEST_DATA ${{ROOT}}/data\n{setting}\n", mode)
    server.write("data/large", CONTENT * 20)
    response = server.get("/", {"X-File": json.dumps({"name": "large", "offset": 3})})
    assert response.body == (CONTENT * 20)[3:]


@pytest.mark.ours
def test_large_file_to_a_slow_client_frees_the_thread(serve):
    server = serve("WSGIScriptAlias /files ${APPS}/files.py\nWSGIScriptAlias /hello ${APPS}/hello.py\n"
                   "SetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\n", "daemon", options="threads=1")
    server.write("data/large", CONTENT * 40)
    with server.connect() as slow:
        slow.start("GET", "/files", {"X-File": json.dumps({"name": "large"})})
        assert slow.head().status == 200
        assert server.get("/hello").body == b"Hello, world!"
        assert slow.take(len(CONTENT) * 40) == CONTENT * 40


EXPECTED = """defaults: (True, 8192)
iterated: ([b'a', b'bc'], [8192, 8192, 8192])
keywords: 3
read-only: ('AttributeError', 'AttributeError')
arguments: ('TypeError', 'TypeError', 'ValueError', 'TypeError')
text: TypeError
closing: ('None', 1)
close fails: None
after close: ('ValueError', 'StopIteration')
no close: None
derived: ([b'derived'], 5)
iterable: True
"""


@pytest.mark.parametrize("line", EXPECTED.splitlines())
def test_as_an_object(site, line):
    assert line in site.get("/app/wrapper.py/object").text.splitlines(), site.get("/app/wrapper.py/object").text


def test_what_goes_out(site):
    source = (site.root / "apps" / "wrapper.py").read_bytes()
    for case, body in [("derived-sent", source), ("after-output", b"before and after"), ("file-after-output", b"before " + source),
                       ("pipe", b"through a pipe"), ("position", source[3:]), ("deleted", b"deleted file")]:
        response = site.get(f"/app/wrapper.py/{case}")
        assert (response.status, response.body) == (200, body), case


def test_a_text_file_is_sent_as_its_bytes(site):
    """It has a descriptor; its read(), which gives no bytes, is not called."""
    response = site.get("/app/wrapper.py/text-file")
    assert (response.status, response.body) == (200, (site.root / "apps" / "wrapper.py").read_bytes())


@pytest.mark.ours
def test_a_file_of_proc_is_read(serve, mode):
    """Its size is 0, whatever it holds."""
    script = ('def application(environ, start_response):\n    start_response("200 OK", [])\n'
              '    return environ["wsgi.file_wrapper"](open("/proc/self/status", "rb"))\n')
    server = serve("WSGIScriptAlias / ${ROOT}/proc.py\n", mode, files={"proc.py": script})
    assert server.get("/").body.startswith(b"Name:")


@pytest.mark.ours
def test_a_file_that_is_shorter_than_promised(serve, mode):
    script = ('"""Promises more than the file has."""\nimport os\ndef application(environ, start_response):\n'
              "    path = os.path.join(os.path.dirname(__file__), 'data', 'short')\n    file = open(path, 'rb')\n"
              "    start_response('200 OK', [('Content-Length', '100')])\n    return environ['wsgi.file_wrapper'](file)\n")
    server = serve("WSGIScriptAlias / ${ROOT}/short.py\n", mode, files={"short.py": script, "data/short": b"0123456789"})
    with server.connect() as client:
        client.start("GET", "/")
        assert client.head().header("Content-Length") == "100"
        assert client.take(10) == b"0123456789"
        assert not client.fill()
