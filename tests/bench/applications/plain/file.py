"""A file of 10 MiB by wsgi.file_wrapper, or by wsgiref's where the server has none."""

import os
import wsgiref.util

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "files", "10MiB")


def application(environ, start_response):
    file = open(PATH, "rb")
    headers = [("Content-Type", "application/octet-stream"), ("Content-Length", str(os.fstat(file.fileno()).st_size))]
    start_response("200 OK", headers)
    return environ.get("wsgi.file_wrapper", wsgiref.util.FileWrapper)(file, 64 << 10)
