"""A view that waits 5 ms, as for a database: what is measured is how well a server keeps all its threads busy."""

import time


def application(environ, start_response):
    time.sleep(0.005)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "12")])
    return [b"Hello world\n"]
