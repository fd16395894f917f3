"""mod_wsgi-express: --reload-on-changes, what a script's change does without it, and --disable-reloading."""

import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import httpd
from support.processes import wait_until

pytestmark = pytest.mark.ours

ENTRY = '''import json, os, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import part
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(1)
    start_response("200 OK", [])
    return [json.dumps([VERSION, part.VERSION, os.getpid()]).encode()]
VERSION = %d
'''


def versions(express):
    """The versions of the script and of the module that it imports."""
    answer = express.get()
    assert answer.status == 200, answer.body
    return json.loads(answer.body)[:2]


def have_served(express):
    """How many processes answer three requests at once."""
    with ThreadPoolExecutor(3) as pool:
        return len({json.loads(answer.body)[2] for answer in pool.map(express.get, ["/slow"] * 3)})


@pytest.fixture
def site(express):
    """A script and a module."""
    express.write("wsgi.py", ENTRY % 1)
    change(express, "part.py", "VERSION = 1\n")
    return express


def change(express, name, text):
    """A new file with another time than the old one, however coarse the clock of the file system is."""
    path = express.write(name, text)
    old = getattr(express, "stamp", 0)
    express.stamp = old + 1
    os.utime(path, (1_700_000_000 + express.stamp, 1_700_000_000 + express.stamp))


@pytest.mark.parametrize("processes", [[], ["--processes", "3"]], ids=["one", "three"])
def test_any_file_of_the_application(site, processes):
    """Soon all requests see the new code, and none fails. A process that has served sees it at once."""
    site.start("wsgi.py", "--reload-on-changes", "--threads", "1", *processes)
    wait_until(lambda: have_served(site) == int((processes or [1])[-1]), 30, "all processes to serve")
    change(site, "part.py", "VERSION = 2\n")
    assert versions(site) == [1, 2]
    change(site, "wsgi.py", ENTRY % 3)
    wait_until(lambda: versions(site) == [3, 2], 10, "the new script")
    for _ in range(10):
        assert versions(site) == [3, 2]
    assert re.search(r"part.py has changed, the application is loaded again", (site.root / "error_log").read_text())


def test_processes_that_have_served_nobody(site):
    """They are not asked before their first request, but they look themselves."""
    change(site, "part.py", "import sys\nVERSION = 1\nprint('the old part', file=sys.stderr, flush=True)\n")
    site.start("wsgi.py", "--reload-on-changes", "--processes", "2")
    wait_until(lambda: (site.root / "error_log").read_text().count("the old part") == 2, 20, "both processes")
    change(site, "part.py", "VERSION = 2\n")
    wait_until(lambda: "has changed" in (site.root / "error_log").read_text(), 10, "the change to be seen")
    for _ in range(6):
        assert versions(site) == [1, 2]


def test_not_in_httpds_own_processes(site):
    site.start("wsgi.py", "--reload-on-changes", "--embedded-mode")
    assert versions(site) == [1, 1]
    change(site, "wsgi.py", ENTRY % 2)
    assert versions(site) == [1, 1]


def test_a_mistake_is_shown_and_mended(site):
    """A file that cannot be loaded costs requests until it is mended, also where it is not the entry point."""
    site.start("wsgi.py", "--reload-on-changes")
    assert versions(site) == [1, 1]
    change(site, "part.py", "VERSION =\n")
    assert site.get().status == 500
    wait_until(lambda: "SyntaxError" in (site.root / "error_log").read_text(), 10)
    assert site.get().status == 500
    change(site, "part.py", "VERSION = 4\n")
    assert versions(site) == [1, 4]


def test_a_mistake_at_the_start(site):
    change(site, "part.py", "raise ValueError('not yet')\n")
    site.start("wsgi.py", "--reload-on-changes")
    assert site.get().status == 500
    change(site, "part.py", "VERSION = 5\n")
    assert versions(site) == [1, 5]


def test_tracked_files(site):
    """mod_wsgi.express.reloader.track_changes, where the package mod_wsgi is installed."""
    package = site.folder / "package"
    shutil.copytree(httpd.REPOSITORY / "python" / "mod_wsgi" / "mod_wsgi", package / "mod_wsgi")
    change(site, "page.html", "one")
    site.write("wsgi.py", ENTRY % 1 + "from mod_wsgi.express.reloader import track_changes\n"
               f"track_changes('{site.folder}/page.html')\nPAGE = open('{site.folder}/page.html').read()\n"
               "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [PAGE.encode()]\n")
    site.start("wsgi.py", "--reload-on-changes", "--python-path", package)
    assert site.get().text == "one"
    change(site, "page.html", "two")
    assert site.get().text == "two"


def test_without_it_only_the_script_counts(site):
    site.start("wsgi.py")
    assert versions(site) == [1, 1]
    change(site, "part.py", "VERSION = 2\n")
    assert versions(site) == [1, 1]
    change(site, "wsgi.py", ENTRY % 2)
    assert versions(site) == [2, 2]


def test_disabled(site):
    site.start("wsgi.py", "--disable-reloading", "--reload-on-changes")
    assert versions(site) == [1, 1]
    change(site, "wsgi.py", ENTRY % 2)
    change(site, "part.py", "VERSION = 2\n")
    assert versions(site) == [1, 1]
