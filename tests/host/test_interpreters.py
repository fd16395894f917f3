"""Many interpreters, threads and ends in one process; interpreters with a GIL of their own."""

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import BUILDS, HERE

ASK = "import sysconfig as s; print(s.get_path('include'), s.get_path('platinclude'), s.get_config_var('EXT_SUFFIX'), sep='\\n')"


@pytest.mark.parametrize("gil", ("shared-gil", "own-gil"))
@pytest.mark.parametrize("build", BUILDS)
def test_many_interpreters_and_threads(run, build, gil):
    """No hang, no fatal error, every request complete, and the end of each interpreter in order."""
    done = run("stress.py", gil, build=build)
    assert done.returncode == 0 and done.stdout.endswith("ended\n"), (done.returncode, done.stdout, done.stderr[-4000:])
    for group in ("", "group 0.0", "group 0.1"):
        order = [f"[{group}] {what}" for what in ("process_stopping the reason", "thread done", "atexit")]
        places = [done.stderr.find(line) for line in order]
        assert -1 not in places and places == sorted(places), (order, done.stderr[-4000:])


@pytest.fixture
def extensions(python, tmp_path):
    """A folder with two extension modules, built for the Python under test."""
    include, platform, suffix = subprocess.check_output([python, "-c", ASK], text=True).splitlines()
    if not shutil.which("cc") or not Path(include, "Python.h").exists():
        pytest.skip(f"THERE ARE NO HEADERS OF {python}: extension modules in sub-interpreters are not tested with it")
    for name in ("single_phase", "only_one"):
        command = ["cc", "-shared", "-fPIC", f"-I{include}", f"-I{platform}", "-o", tmp_path / (name + suffix), HERE / "apps" / f"{name}.c"]
        subprocess.run(list(map(str, command)), check=True)
    return tmp_path


def test_extension_modules_that_need_the_main_interpreter(python, run, extensions):
    """The import error says what to change, on its own line, for a shared GIL and for an own one."""
    done = run("extensions.py", str(extensions))
    assert done.returncode == 0, (done.stdout, done.stderr[-4000:])


def test_a_gil_of_its_own(python, run):
    """An interpreter runs while another holds its GIL; Pythons that cannot do that say why and share the GIL."""
    done = run("own_gil.py")
    assert done.returncode == 0, (done.stdout, done.stderr[-4000:])


def test_settings_of_each_interpreter(python, run):
    """Layers: paths, switch interval, streams, signals; and a set-up that fails."""
    done = run("layers.py")
    assert done.returncode == 0, (done.stdout, done.stderr[-4000:])
