"""chroot: a process group with another root directory, and how its scripts are found there."""

import ast

import pytest
from support import jail

pytestmark = [pytest.mark.root, pytest.mark.ours]
INSIDE = '''"""Tells how the world looks."""
import os, sys

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = ("SCRIPT_FILENAME", "DOCUMENT_ROOT", "CONTEXT_DOCUMENT_ROOT", "PATH_INFO", "REQUEST_URI")
    return [repr((sorted(os.listdir("/")), __file__, sys.prefix, {name: environ.get(name) for name in names})).encode()]
'''
CONF = """
WSGIDaemonProcess jail threads=2 chroot=${ROOT}/jail
WSGIScriptAlias /in ${ROOT}/jail/srv/inside.py process-group=jail application-group=%{GLOBAL}
WSGIScriptAlias /out ${ROOT}/outside.py process-group=jail
"""


@pytest.fixture
def server(serve):
    """A group in a root directory of its own, one script there and one elsewhere."""
    made = serve(CONF, run=False, files={"jail/srv/inside.py": INSIDE, "outside.py": INSIDE})
    jail.make(made.root / "jail")
    return made.start()


def test_chroot(server):
    # both groups are named: the script is loaded before the first request
    server.wait_for_log("Loading WSGI script '/srv/inside.py'")
    folders, file, prefix, variables = ast.literal_eval(server.get("/in/x").text)
    assert "srv" in folders and "proc" not in folders
    assert (file, prefix) == ("/srv/inside.py", "/usr")
    assert variables["SCRIPT_FILENAME"] == "/srv/inside.py"
    assert variables["DOCUMENT_ROOT"] is None  # it is outside
    assert (variables["PATH_INFO"], variables["REQUEST_URI"]) == ("/x", "/in/x")

    # a touched script is noticed
    server.write("jail/srv/inside.py", INSIDE.replace("sorted(os.listdir(\"/\"))", "'new'"))
    assert ast.literal_eval(server.get("/in/x").text)[0] == "new"


def test_a_script_that_is_elsewhere(server):
    assert server.get("/out").status == 500
    server.wait_for_log(rf"cannot see the script {server.root}/outside.py: it is not below their chroot={server.root}/jail")
