"""psycopg's compiled part: an extension that refuses every interpreter of a process but the first that loads it."""

import os

os.environ["PSYCOPG_IMPL"] = "binary"

import psycopg  # noqa: E402  (it reads the variable when it is imported)


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"psycopg is {psycopg.pq.__impl__}".encode()]
