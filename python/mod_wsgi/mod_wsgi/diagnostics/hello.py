"""The smallest application."""


def application(environ, start_response):
    """Says hello."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "12")])
    return [b"Hello World!"]
