"""A clean Debian in a folder, made by debootstrap and entered by chroot: for what a package does to a system.

The first one of a suite is made from the network and kept in /var/tmp/mod_wsgi-debian-SUITE; tests work on copies of it.
`rm -rf` it to begin anew.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from support import httpd
from support.packaged import missing, needs, needs_root

MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
               "LC_ALL": "C.UTF-8", "HOME": "/root"}
APT = ["apt-get", "--quiet", "--yes", "--no-install-recommends"]


class Debian:
    """One system."""

    def __init__(self, folder):
        self.folder = Path(folder)
        subprocess.run(["mount", "-t", "proc", "proc", self.folder / "proc"], check=True)

    def run(self, *line, check=True):
        """A program in it, without a terminal."""
        result = subprocess.run(["chroot", self.folder, *line], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                env=ENVIRONMENT, timeout=1200)
        assert not check or result.returncode == 0, f"{line}: {result.stdout}{result.stderr}"
        return result

    def install(self, *packages):
        """Packages by name, or copied in."""
        names = []
        for package in packages:
            if isinstance(package, Path):
                shutil.copy(package, self.folder / "root" / package.name)
                package = f"/root/{package.name}"
            names.append(package)
        return self.run(*APT, "install", *names)

    def write(self, path, text):
        """A file in it."""
        (self.folder / path.lstrip("/")).write_text(text)

    def close(self):
        """Stops its httpd."""
        self.run("apachectl", "stop", check=False)
        subprocess.run(["umount", "--lazy", self.folder / "proc"], check=False)


def base(suite):
    """The folder of the clean one, with httpd, Django and, downloaded only, the package that ours replaces."""
    needs("debootstrap", "chroot", "mount")
    needs_root("a chroot")
    folder = Path(httpd.SCRATCH, f"mod_wsgi-debian-{suite}")
    ready = folder / "ready"
    if ready.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    made = subprocess.run(["debootstrap", "--variant=minbase", suite, folder, MIRROR], capture_output=True, text=True)
    if made.returncode:
        missing(f"debootstrap could not make a Debian {suite}: {made.stdout[-500:]}{made.stderr[-500:]}")
    shutil.copy("/etc/resolv.conf", folder / "etc" / "resolv.conf")
    policy = folder / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # no service is started
    policy.chmod(0o755)
    debian = Debian(folder)
    try:
        debian.run(*APT, "install", "apache2", "python3-django", "libpython3-stdlib")
        debian.run(*APT, "install", "--download-only", "libapache2-mod-wsgi-py3")
    finally:
        debian.close()
    ready.touch()
    return folder


def copy(suite):
    """A system to work on."""
    folder = tempfile.mkdtemp(prefix=f"mod_wsgi-debian-{suite}-", dir=httpd.SCRATCH)
    subprocess.run(["cp", "-a", "--reflink=auto", f"{base(suite)}/.", folder], check=True)
    return Debian(folder)
