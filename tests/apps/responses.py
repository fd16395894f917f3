"""Responses by PATH_INFO: a JSON header X-Response gives status, headers and blocks."""

import json


def application(environ, start_response):
    wanted = json.loads(environ["HTTP_X_RESPONSE"])
    write = start_response(wanted["status"], [tuple(header) for header in wanted["headers"]])
    for block in wanted.get("write", []):
        write(block.encode("latin-1"))
    blocks = [block.encode("latin-1") for block in wanted["blocks"]]
    return iter(blocks) if wanted.get("iterator") else blocks
