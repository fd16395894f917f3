"""The digest of the request body, read in pieces of the sizes of the header X-Sizes, again and again, as announced."""

import hashlib
import itertools
import json


def application(environ, start_response):
    body, left, digest = environ["wsgi.input"], int(environ["CONTENT_LENGTH"]), hashlib.sha256()
    for size in itertools.cycle(json.loads(environ["HTTP_X_SIZES"])):
        wanted = min(size, left)
        piece = body.read(wanted)
        digest.update(piece)
        left -= len(piece)
        if not left or len(piece) < wanted:
            break
    text = f"{int(environ['CONTENT_LENGTH']) - left} {digest.hexdigest()} {environ['CONTENT_LENGTH']}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text]
