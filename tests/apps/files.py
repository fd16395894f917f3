"""Sends files with wsgi.file_wrapper as a JSON header X-File says."""

import io
import json
import os


class Like:
    """Has read() and nothing else of a file."""

    def __init__(self, file, base):
        self.file, self.base = file, base

    def read(self, size=-1):
        return self.file.read(size)

    def close(self):
        self.file.close()
        with open(self.base + ".closed", "a") as note:
            note.write("closed\n")


class Closing(io.FileIO):
    """A real file that notes each close()."""

    def close(self):
        if not self.closed:
            with open(self.name + ".closed", "a") as note:
                note.write("closed\n")
        super().close()


def application(environ, start_response):
    wanted = json.loads(environ["HTTP_X_FILE"])
    path = os.path.join(environ["MOD_WSGI_TEST_DATA"], wanted["name"])
    kind = wanted.get("kind", "file")
    if kind == "bytesio":
        with open(path, "rb") as source:
            file = io.BytesIO(source.read())
    elif kind == "like":
        file = Like(open(path, "rb"), path)
    else:
        file = Closing(path, "rb")
    if "offset" in wanted:
        file.seek(wanted["offset"])
    headers = [("Content-Type", "application/octet-stream")]
    if "length" in wanted:
        headers.append(("Content-Length", str(wanted["length"])))
    start_response("200 OK", headers)
    return environ["wsgi.file_wrapper"](file, wanted.get("block", 8192))
