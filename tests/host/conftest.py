"""Tests of the host without httpd: it is loaded as an extension module into every CPython that is here.

The host is built with the feature `selftest`, whose functions run requests over an exchange in memory; once as it is,
and once with `pyo3_disable_reference_pool`, where releasing an object outside of its interpreter ends the process.
Each Python runs checks.py in a process of its own, and each of its checks is a test here.
"""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
FREE_THREADED = ("3.13t", "3.14t")
BUILDS = {"plain": "", "no-pool": "--cfg pyo3_disable_reference_pool"}


def _find(version):
    """The newest interpreter of a version: the system's, on PATH, or of pyenv."""
    found = [f"/usr/bin/python{version}", shutil.which(f"python{version}")]
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")) / "versions"
    found += sorted(map(str, pyenv.glob(f"{version}.*/bin/python{version}")), reverse=True)
    return next((path for path in found if path and _runs(path)), None)


def _runs(path):
    try:
        return subprocess.run([path, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


PYTHONS = {version: _find(version) for version in VERSIONS}
WITHOUT_GIL = {version: _find(version) for version in FREE_THREADED}


def pytest_report_header():
    """Says loudly what is not tested."""
    every = {**PYTHONS, **WITHOUT_GIL}
    missing = [version for version, path in every.items() if not path]
    lines = [f"CPython {version}: {path}" for version, path in every.items() if path]
    return lines + ([f"NOT TESTED, there is no CPython {', '.join(missing)}"] if missing else [])


@pytest.fixture(params=VERSIONS)
def python(request):
    """Each CPython that is here."""
    return PYTHONS[request.param] or pytest.skip(f"there is no CPython {request.param}")


@pytest.fixture(scope="session")
def hosts():
    """The host's library by build."""
    made = {}

    def build(name):
        if name not in made:
            target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute() / f"host-{name}"
            environment = dict(os.environ, RUSTFLAGS=BUILDS[name], CARGO_TARGET_DIR=str(target))
            command = ["cargo", "build", "--quiet", "-p", "host", "--features", "selftest"]
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
            made[name] = target / "debug" / "libmod_wsgi_host.so"
        return made[name]

    return build


@pytest.fixture(scope="session")
def own_hosts():
    """The host's library for one Python alone, by Python."""
    made = {}

    def build(python):
        if python not in made:
            target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute() / "host-own"
            target.mkdir(parents=True, exist_ok=True)
            suffix = subprocess.check_output([python, ROOT / "crates/host/abi.py", target / "abi"], text=True).strip()
            own_host(target / "abi", target, "build")
            made[python] = target / f"mod_wsgi_host{suffix}"
            shutil.copy2(target / "debug" / "libmod_wsgi_host.so", made[python])
        return made[python]

    return build


def own_host(abi, target, command):
    """Builds or checks the host for the Python that a file of crates/host/abi.py describes."""
    environment = dict(os.environ, PYO3_CONFIG_FILE=str(abi), CARGO_TARGET_DIR=str(target))
    command = ["cargo", command, "--quiet", "-p", "host", "--no-default-features", "--features", "selftest"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


@pytest.fixture
def run(python, hosts):
    """Runs a file of this folder in a Python with a build of the host; returns its completed process."""

    def run(file, *arguments, build="plain", **environment):
        command = [python, str(HERE / file), str(hosts(build)), *arguments]
        environment = dict(os.environ, **environment)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture(scope="session")
def outcomes():
    """What checks.py said, by Python."""
    return {}


@pytest.fixture
def outcome(python, run, outcomes):
    """What checks.py says of one check in a Python: None, or the traceback."""
    if python not in outcomes:
        done = run("checks.py")
        said = [json.loads(line) for line in done.stdout.splitlines()]
        outcomes[python] = dict(said), f"exit status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    said, log = outcomes[python]
    return lambda name: said[name] if name in said else f"not run: {log}"
