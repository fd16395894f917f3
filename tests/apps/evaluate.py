"""Runs the Python code that is posted, and answers in JSON with what it leaves in `answer`. `kept` lasts."""

import json
import sys

import mod_wsgi

kept = {}


def application(environ, start_response):
    names = {"environ": environ, "start_response": start_response, "mod_wsgi": mod_wsgi, "sys": sys, "kept": kept}
    exec(environ["wsgi.input"].read(), names)
    body = json.dumps(names.get("answer"), default=repr).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
