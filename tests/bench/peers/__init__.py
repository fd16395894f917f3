"""The servers that are compared, in the order of the report: one row each, put together from programs.

A program knows how to write its configuration and what its command line is; `httpd`, `nginx` and `applications` in this
folder are the kinds. The application runs in 2 processes of 8 threads everywhere.
"""

import dataclasses

from bench.peers.applications import Granian, Gunicorn, Uwsgi
from bench.peers.httpd import DAEMON, EMBEDDED, FRONT, PROXY, STATIC, WORKER, Httpd
from bench.peers.nginx import PROXY as NGINX_PROXY, UWSGI as NGINX_UWSGI, Nginx


@dataclasses.dataclass(frozen=True)
class Server:
    """One row: its name in the report, the parts it needs (see install.py), and its programs in the order of starting."""

    name: str
    needs: tuple
    programs: tuple
    ours: bool = False
    static: bool = False    # httpd without an application: the ceiling
    workloads: tuple = ()   # those that it takes part in; none named: all


def _ours(name, threads, lines, options="", workloads=()):
    program = Httpd(threads, lines, options, module="stage/mod_wsgi.so")
    return Server(name, ("this module",), (program,), ours=True, workloads=workloads)


def _pypi(name, threads, lines):
    module = "venv/lib/python3*/site-packages/mod_wsgi/server/mod_wsgi-*.so"
    return Server(name, ("mod_wsgi of PyPI",), (Httpd(threads, lines, module=module),))


def _debian(name, threads, lines):
    return Server(name, ("mod_wsgi of Debian",), (Httpd(threads, lines, module="mod_wsgi.so", of_httpd=True),))


SERVERS = (
    Server("static", (), (Httpd(WORKER, STATIC),), static=True, workloads=("hello", "file")),
    _ours("embedded", WORKER, EMBEDDED),
    _pypi("mod_wsgi 6.1 embedded", WORKER, EMBEDDED),
    _debian("Debian's mod_wsgi embedded", WORKER, EMBEDDED),
    _ours("daemon", FRONT, DAEMON),
    _ours("daemon preload", FRONT, DAEMON, "preload=on", workloads=("django",)),
    _pypi("mod_wsgi 6.1 daemon", FRONT, DAEMON),
    _debian("Debian's mod_wsgi daemon", FRONT, DAEMON),
    Server("nginx + uWSGI", ("nginx", "uWSGI"), (Uwsgi(), Nginx(NGINX_UWSGI))),
    Server("nginx + gunicorn", ("nginx", "gunicorn"), (Gunicorn(), Nginx(NGINX_PROXY))),
    Server("httpd + gunicorn", ("gunicorn",), (Gunicorn(), Httpd(FRONT, PROXY, parts=("proxy", "proxy_http")))),
    Server("granian", ("granian",), (Granian(),)),
)
BY_NAME = {server.name: server for server in SERVERS}
