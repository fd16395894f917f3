# -*- coding: latin-1 -*-
TEXT = "ä"
def application(environ, start_response):
    start_response("200 OK", [])
    return [TEXT.encode("utf-8")]
