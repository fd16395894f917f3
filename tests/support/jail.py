"""A root directory with a Python and the module's parts in it, for `chroot`."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import httpd

PYTHON = "/usr/bin/python3"


def make(root):
    """Fills the folder `root` with what a daemon process needs: its interpreter, standard library and shared libraries."""

    def put(path):
        """A file at the same place below the root."""
        place = root / str(path).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            httpd.link_or_copy(os.path.realpath(path), place)

    def put_with_libraries(path):
        put(path)
        told = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        for library in re.findall(r"(/\S+)", told):
            put(library)

    parts = httpd.module().parent
    for program in (PYTHON, parts / "mod_wsgi_leader", parts / "mod_wsgi_host.abi3.so"):
        put_with_libraries(program)
    library = Path(subprocess.run([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"],
                                  capture_output=True, text=True, check=True).stdout.strip())
    shutil.copytree(library, root / str(library).lstrip("/"), copy_function=httpd.link_or_copy, ignore=shutil.ignore_patterns(
        "test", "__pycache__", "idlelib", "ensurepip", "config-*", "dist-packages", "site-packages", "pydoc_data"))
    for extension in (library / "lib-dynload").glob("*.so"):
        put_with_libraries(extension)
