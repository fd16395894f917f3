"""A host library that is built for one Python alone comes before the one for all, where its Python runs (`make host`)."""

import os
import shutil
import subprocess

import pytest
from support import httpd

pytestmark = [pytest.mark.ours, pytest.mark.timeout(600)]  # the fixture builds a host

MAPPED = '''"""Tells which host library is mapped."""
import re
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    with open("/proc/self/maps") as maps:
        return ["\\n".join(sorted(set(re.findall(r"mod_wsgi_host\\.\\S+", maps.read())))).encode()]
'''


@pytest.fixture(scope="module")
def module(python):
    """A copy of the module with a second host, built for CPython 3.13."""
    prefix = python(13)
    target = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", httpd.REPOSITORY / "target"))
    abi = os.path.join(target, "python-abi-of-tests")
    os.makedirs(target, exist_ok=True)
    ask = [prefix / "bin" / "python3.13", httpd.REPOSITORY / "crates" / "host" / "abi.py", abi]
    suffix = subprocess.check_output(ask, text=True).strip()
    build = ["cargo", "build", "--quiet", "-p", "host", "--no-default-features", "--target-dir", os.path.join(target, "host-own")]
    subprocess.run(build, cwd=httpd.REPOSITORY, check=True, env={**os.environ, "PYO3_CONFIG_FILE": abi})
    place = httpd.copy_of(httpd.module().parent / "mod_wsgi.so")
    shutil.copy2(os.path.join(target, "host-own", "debug", "libmod_wsgi_host.so"), place.parent / f"mod_wsgi_host{suffix}")
    (place.parent / f"mod_wsgi_host{suffix}").chmod(0o755)
    return place, suffix


def test_it_serves_where_its_python_runs(serve, module, python):
    """In its Python, embedded and in a group; a group of another Python beside them has the host for all."""
    place, suffix = module
    library = python(13) / "lib" / "libpython3.13.so.1.0"
    embedded = f"WSGIPythonLibrary {library}\nWSGIPythonHome {python(13)}\n" if library.exists() else ""
    server = serve(f"{embedded}WSGIDaemonProcess new threads=2 python-home={python(13)}\n"
                   "WSGIDaemonProcess old threads=2 python-home=/usr\n"
                   "WSGIScriptAlias /embedded ${ROOT}/mapped.py\n"
                   "WSGIScriptAlias /new ${ROOT}/mapped.py process-group=new\n"
                   "WSGIScriptAlias /old ${ROOT}/mapped.py process-group=old\n", run=False, files={"mapped.py": MAPPED})
    server.reconfigure(str(httpd.module()), str(place))
    server.start()
    assert server.get("/new").text == f"mod_wsgi_host{suffix}"
    assert server.get("/old").text == "mod_wsgi_host.abi3.so"
    if embedded:
        assert server.get("/embedded").text == f"mod_wsgi_host{suffix}"


def test_free_threading_where_there_is_a_gil(serve, mode):
    """The directive is accepted, works as before, and the log says that it changes nothing."""
    server = serve("WSGIFreeThreading On\nWSGIScriptAlias / ${APPS}/hello.py\n", mode)
    assert server.get("/").body == b"Hello, world!"
    server.wait_for_log(r"wsgi:warn.*WSGIFreeThreading has no effect: Python 3\.\d+ of this process was not built free-threaded")


def test_install_takes_it_along(module, tmp_path):
    """And replaces one of an older build."""
    place, suffix = module
    install = [httpd.REPOSITORY / "apxs" / "install"]
    environment = {**os.environ, "DESTDIR": str(tmp_path)}
    folder = tmp_path / str(httpd.modules()).lstrip("/")
    folder.mkdir(parents=True)
    (folder / "mod_wsgi_host.cpython-399-x86_64-linux-gnu.so").write_text("of an older build")
    subprocess.run([*install, "install", place.parent], env=environment, check=True, capture_output=True)
    hosts = {path.name for path in folder.glob("mod_wsgi_host.*")}
    assert hosts == {"mod_wsgi_host.abi3.so", f"mod_wsgi_host{suffix}"}
    subprocess.run([*install, "uninstall"], env=environment, check=True, capture_output=True)
    assert not list(folder.glob("mod_wsgi_host.*"))
