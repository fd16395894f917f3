"""As environ.py, at a place where WSGIPassAuthorization is On."""

import json


def application(environ, start_response):
    shown = {key: [type(value).__name__, repr(value)] for key, value in environ.items()}
    shown["type(environ)"] = [type(environ).__name__, ""]
    body = json.dumps(shown).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
