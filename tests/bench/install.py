"""What servers are made of: one row per part, which installs itself where it may, and says its version or why it is
not to be had. The parts from PyPI go into the benchmark's own virtual environment."""

import dataclasses
import os
import re
import shutil
import subprocess

from bench.failure import Failure, Unavailable
from bench.machine import ROOT, answer, call

HOST = "mod_wsgi_host.abi3.so"
OURS = ("mod_wsgi.so", HOST, "mod_wsgi_leader")
PACKAGES = ROOT / "apxs/packages"


@dataclasses.dataclass(frozen=True)
class Staged:
    """This module, as a copy that a build at the same time does not touch and that every user can read."""

    def install(self, machine, may_install):
        """Takes what `make` has staged."""
        missing = [part for part in OURS if not (machine.stage / part).exists()]
        if missing:
            raise Failure(f"{machine.stage} lacks {', '.join(missing)}; run `make` first, or name the folder with --stage")
        copy = machine.cache / "stage"
        copy.mkdir(exist_ok=True)
        for part in machine.stage.iterdir():
            (copy / part.name).unlink(missing_ok=True)
            shutil.copy2(part, copy / part.name)
        return answer(["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude=*"]) or "unknown"


@dataclasses.dataclass(frozen=True)
class Pip:
    """A distribution from PyPI."""

    name: str
    requirement: str

    def install(self, machine, may_install):
        """Asks the network only where what is there does not satisfy the requirement."""
        index = [] if may_install else ["--no-index"]
        try:
            call([machine.program("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *index,
                  self.requirement])
        except Failure as failure:
            raise Unavailable(f"pip could not install {self.requirement}: {last_line(str(failure))}") from failure
        return answer([machine.program("python"), "-c",
                       f"import importlib.metadata as m; print(m.version({self.name!r}))"])


@dataclasses.dataclass(frozen=True)
class Debian:
    """A package of the distribution, and the program that proves that it is there."""

    package: str
    program: str

    def install(self, machine, may_install):
        """Installs the package with apxs/packages, which needs apt and root."""
        if not self.present() and may_install:
            done = subprocess.run([PACKAGES, self.package], text=True, capture_output=True)
            if done.returncode != 0:
                raise Unavailable(f"could not install {self.package}: {last_line(done.stderr)}")
        if not self.present():
            raise Unavailable(f"{self.program} is not installed; on Debian: apt-get install {self.package}")
        return version_of(self.package)

    def present(self):
        """Whether the program is in the path or in the folder of the system's daemons."""
        return shutil.which(self.program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") is not None


@dataclasses.dataclass(frozen=True)
class DebianModule:
    """A module of the distribution's httpd: libapache2-mod-wsgi-py3, unless ours is installed over it."""

    package: str
    module: str

    def install(self, machine, may_install):
        """As [`Debian.install`]."""
        path = machine.httpd_modules / self.module
        if not path.exists() and may_install:
            done = subprocess.run([PACKAGES, self.package], text=True, capture_output=True)
            if done.returncode != 0:
                raise Unavailable(f"could not install {self.package}: {last_line(done.stderr)}")
        if not path.exists():
            raise Unavailable(f"{path} is not there; on Debian: apt-get install {self.package}")
        if HOST.encode() in path.read_bytes():
            raise Unavailable(f"{path} is this module (`make install`), not that of {self.package}")
        return version_of(self.package)


PARTS = {
    "wrk": Debian("wrk", "wrk"),
    "Django": Pip("Django", "Django>=5.2,<5.3"),
    "this module": Staged(),
    "mod_wsgi of PyPI": Pip("mod_wsgi", "mod_wsgi==6.1.*"),
    "mod_wsgi of Debian": DebianModule("libapache2-mod-wsgi-py3", "mod_wsgi.so"),
    "nginx": Debian("nginx-light", "nginx"),
    "uWSGI": Pip("uWSGI", "uWSGI==2.0.*"),
    "gunicorn": Pip("gunicorn", "gunicorn"),
    "granian": Pip("granian", "granian"),
}


class Parts:
    """Installs each part once, and remembers its version or why it is missing."""

    def __init__(self, machine, may_install, say):
        self.machine, self.may_install, self.say = machine, may_install, say
        self.versions, self.missing = {}, {}

    def need(self, names):
        """Sees to the parts; fails with the first that is not to be had."""
        for name in names:
            if name not in self.versions and name not in self.missing:
                self.say(f"looking for {name}")
                try:
                    self.versions[name] = PARTS[name].install(self.machine, self.may_install)
                except Unavailable as reason:
                    self.missing[name] = str(reason)
            if name in self.missing:
                raise Unavailable(self.missing[name])


def version_of(package):
    """The version of an installed package, without what the distribution adds."""
    found = re.search(r"^Version: (?:\d+:)?([^-+\s]+)", answer(["dpkg", "-s", package]), re.M)
    return found[1] if found else "unknown"


def last_line(text):
    """What a long complaint comes down to."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.lower().startswith("error")), lines[-1] if lines else "no reason given")
