"""The soak's application: every POST is written down once, under the id that its client gave it."""

import hashlib
import os

DATA = os.environ["MOD_WSGI_TEST_DATA"]
BOOK = os.open(f"{DATA}/ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def application(environ, start_response):
    """GET: the process. GET /stream: 64 pieces. POST /ID: notes ID, and answers with the sum of the body."""
    path = environ["PATH_INFO"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["REQUEST_METHOD"] == "POST":
        digest = hashlib.sha256()
        while piece := environ["wsgi.input"].read(65536):
            digest.update(piece)
        os.write(BOOK, path[1:].encode() + b"\n")
        return [digest.hexdigest().encode()]
    if path == "/stream":
        return (b"%04d" % number * 256 for number in range(64))
    return [str(os.getpid()).encode()]
