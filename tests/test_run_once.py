"""A request that a worker has begun is never run again, even if not all of its body had been sent when the worker died."""

import pytest

pytestmark = pytest.mark.ours

DYING = '''
import os
def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        with open(os.path.join(environ["MOD_WSGI_TEST_DATA"], "runs"), "a") as file:
            file.write("run ")
        environ["wsgi.input"].read(1000)
        os.kill(os.getpid(), 9)
    start_response("200 OK", [])
    return [b"alive"]
'''


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("size", [1000, 900_000])
def test_worker_dies_while_the_body_is_sent(serve, kept, size):
    server = serve("WSGIScriptAlias / ${ROOT}/dying.py\nSetEnv MOD_WSGI_TEST_DATA ${ROOT}/data\n", "daemon",
                   options="processes=2 threads=1 request-buffer-size=1M", files={"dying.py": DYING})
    for _ in range(4 if kept else 0):
        assert server.get("/").body == b"alive"
    response = server.post("/", b"x" * size)
    assert (server.root / "data" / "runs").read_text() == "run "
    assert response.status == 502
    assert "SIGKILL" in server.log()
