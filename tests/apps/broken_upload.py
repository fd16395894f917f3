"""Notes that it was called, reads a body that the client never completes and notes what it was told, twice."""

import os


def application(environ, start_response):
    path = os.path.join(environ["MOD_WSGI_TEST_DATA"], environ["QUERY_STRING"])
    open(path + ".begun", "w").close()
    notes = []
    for _ in range(2):
        try:
            environ["wsgi.input"].read(-1)
            notes.append("complete")
        except OSError:
            notes.append("OSError")
    with open(path + ".new", "w") as file:
        file.write(" ".join(notes))
    os.rename(path + ".new", path)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
