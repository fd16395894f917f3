"""10 MiB that are made while they are sent, without a length."""

PIECE = b"x" * (64 << 10)


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return pieces()


def pieces():
    for _ in range(160):
        yield PIECE
