"""The host built for one version and build of Python alone: what free-threaded Pythons need.

It is checked with a Python that has a GIL, too, so that it stays whole where no other is at hand.
"""

import json
import os
import subprocess

import pytest
from conftest import HERE, PYTHONS, WITHOUT_GIL, own_host

GIL = {version: path for version, path in PYTHONS.items() if path}
OWN = max(GIL, key=lambda version: int(version[2:]), default=None)


def outcomes(python, host, *flags):
    """What checks.py says: the names of failed checks with their tracebacks, and whether all were run."""
    done = subprocess.run([python, *flags, str(HERE / "checks.py"), str(host)], capture_output=True, text=True, timeout=180)
    said = dict(json.loads(line) for line in done.stdout.splitlines())
    assert said and done.returncode == 0, (done.returncode, done.stdout[-2000:], done.stderr[-4000:])
    return {name: failure for name, failure in said.items() if failure}


def test_checks_with_a_gil(own_hosts):
    """Everything that holds under the stable ABI."""
    assert not outcomes(GIL[OWN], own_hosts(GIL[OWN]))


def test_many_interpreters_and_threads(own_hosts):
    """The stress test, with a GIL for each interpreter where the version can."""
    command = [GIL[OWN], str(HERE / "stress.py"), str(own_hosts(GIL[OWN])), "own-gil"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0 and done.stdout.endswith("ended\n"), (done.returncode, done.stdout, done.stderr[-4000:])


def test_it_compiles_without_a_gil(tmp_path):
    """No Python is needed for that."""
    abi = tmp_path / "abi"
    abi.write_text("implementation=CPython\nversion=3.14\nshared=true\npointer_width=64\nbuild_flags=Py_GIL_DISABLED\n")
    target = os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")
    own_host(abi, os.path.join(os.path.abspath(target), "host-own"), "check")


@pytest.fixture(params=WITHOUT_GIL)
def free_threaded(request):
    """A Python that was built without the GIL."""
    return WITHOUT_GIL[request.param] or pytest.skip(f"THERE IS NO FREE-THREADED CPYTHON {request.param}: not tested")


@pytest.mark.parametrize("gil", ("0", "1"))
def test_checks_of_a_free_threaded_python(free_threaded, own_hosts, gil):
    """Without the GIL, and with it as without WSGIFreeThreading."""
    assert not outcomes(free_threaded, own_hosts(free_threaded), f"-Xgil={gil}")


def test_the_host_asks_for_no_gil(free_threaded, own_hosts):
    """Its import leaves the GIL off; many threads at once."""
    host = str(own_hosts(free_threaded))
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from driver import Host, finish\n"
            "host = Host(sys.argv[2]); assert not sys._is_gil_enabled()\n"
            "assert host.stress('work', ['', 'a', 'b'], 8, 100) == 800; finish()")
    done = subprocess.run([free_threaded, "-c", code, str(HERE), host], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr[-4000:])


def test_the_host_under_the_stable_abi_is_refused(free_threaded, hosts, tmp_path):
    """A worker's bootstrap says what to build."""
    (tmp_path / "mod_wsgi_host.abi3.so").symlink_to(hosts("plain"))
    bootstrap = (HERE.parent.parent / "crates/leader/src/bootstrap.py").read_text()
    place = tmp_path / "said"
    with open(place, "wb") as said:
        command = [free_threaded, "-c", bootstrap, str(tmp_path / "mod_wsgi_host.abi3.so")]
        subprocess.run(command, preexec_fn=lambda: os.dup2(said.fileno(), 3), pass_fds=[3], timeout=60)
    assert "free-threaded" in place.read_text() and "make host PYTHON=" in place.read_text(), place.read_text()
