"""Reads the request body in pieces of 64 KiB, and answers how many bytes there were."""


def application(environ, start_response):
    stream, left, total = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0), 0
    while piece := stream.read(min(64 << 10, left - total)):
        total += len(piece)
    body = b"%d\n" % total
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
