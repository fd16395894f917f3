"""A file system that is small enough to be filled."""

import contextlib
import os
import subprocess

import pytest


@contextlib.contextmanager
def small(folder, size="1m"):
    """Mounts an empty file system on a folder; skips where that is not allowed."""
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=1777", "tmpfs", str(folder)], capture_output=True, check=False)
    if not mounted or mounted.returncode:
        pytest.skip("NO FILE SYSTEM CAN BE MOUNTED HERE: a full disk cannot be tested")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def read_only(folder):
    """Lets nobody write to it any more."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def fill(folder):
    """Leaves no room at all; the file to remove."""
    file = folder / "fills-the-disk"
    with open(file, "wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(bytes(4096)):
            pass
    assert os.statvfs(folder).f_bavail == 0
    return file
