"""The parts of mod_wsgi and Python, where they do not belong together: refused with a message that names the files."""

import re
import subprocess
from pathlib import Path

import pytest
from support import httpd

pytestmark = pytest.mark.ours

CONF = """
WSGIDaemonProcess app threads=1
WSGIScriptAlias /embedded ${APPS}/hello.py
WSGIScriptAlias /daemon ${APPS}/hello.py process-group=app
"""
OTHER_HOST = """
struct { unsigned contract; void *start, *serve, *stop; } host = { 99 };
void *mod_wsgi_host_embed(void) { return &host; }
"""


def libpython_of_the_build():
    """The libpython that the module was built for. Constants lie side by side in a library, without a character
    between them, so a name may seem to begin in the one before it: only a file that exists is meant."""
    for name in re.finditer(rb"(?=(/[\w./-]*libpython3\.\d+t?\.so(?:\.\d+)*))", httpd.module().read_bytes()):
        if Path(name[1].decode()).is_file():
            return name[1].decode()
    return None


def test_another_python_is_there_already(serve):
    library = libpython_of_the_build()
    if not library:
        pytest.skip("THIS BUILD KNOWS NO LIBPYTHON: another Python in httpd cannot be tested here")
    server = serve(CONF, env={"LD_PRELOAD": library})
    assert server.get("/embedded").status == 500
    server.wait_for_log(r"another module has already loaded Python 3\.\d+\.\d+ into this process; use WSGIDaemonProcess")
    assert server.get("/daemon").body == b"Hello, world!"


def test_host_of_another_build(serve):
    place = httpd.copy_of(httpd.module().parent / "mod_wsgi.so").parent
    host = place / "mod_wsgi_host.abi3.so"
    subprocess.run(["cc", "-x", "c", "-", "-shared", "-fPIC", "-o", host], input=OTHER_HOST.encode(), check=True)
    server = serve(f"WSGIPythonHost {host}\n{CONF}")
    assert server.get("/embedded").status == 500
    message = server.wait_for_log(r"(\S+) speaks contract version 99 and (\S+) speaks \d+; install both from one build")
    assert [Path(name) for name in message.groups()] == [host, httpd.module()]
    assert server.get("/daemon").status == 503


@pytest.mark.parametrize("status, words", [(78, "cannot work with what it was given"), (70, "exited with status 70; another one starts")])
def test_leader_that_gives_up(serve, status, words):
    """One of another build says so by its exit status, and is not started again; others are."""
    place = httpd.copy_of(httpd.module().parent / "mod_wsgi.so").parent
    leader = place / "mod_wsgi_leader"
    subprocess.run(["cc", "-x", "c", "-", "-o", leader], input=f"int main(void) {{ return {status}; }}".encode(), check=True)
    server = serve(CONF, run=False)
    server.reconfigure(str(httpd.module()), str(place / "mod_wsgi.so"))
    server.start()
    server.wait_for_log(words)
    assert server.get("/daemon").status == 503
    assert server.get("/embedded").body == b"Hello, world!"


def test_leader_is_missing(serve):
    place = httpd.copy_of(httpd.module().parent / "mod_wsgi.so").parent
    (place / "mod_wsgi_leader").unlink()
    server = serve(CONF, run=False)
    server.reconfigure(str(httpd.module()), str(place / "mod_wsgi.so"))
    server.start()
    assert server.get("/daemon").status == 503
    assert server.get("/embedded").body == b"Hello, world!"
    assert f"cannot open {place}/mod_wsgi_leader" in server.log() and "install it beside mod_wsgi.so" in server.log()
