"""Answers with length and SHA-256 of the request body, read piece by piece."""

import hashlib


def application(environ, start_response):
    digest, length = hashlib.sha256(), 0
    while piece := environ["wsgi.input"].read(100_000):
        digest.update(piece)
        length += len(piece)
    body = f"{length} {digest.hexdigest()} {environ.get('CONTENT_LENGTH', 'none')}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
