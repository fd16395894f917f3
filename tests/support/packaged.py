"""The packages under test, in PACKAGES (target/package unless given): made by `make deb rpm wheel`.

A test whose tool or package is missing is skipped and says so; with PACKAGES_STRICT=1 it fails.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support import httpd

FOLDER = Path(os.environ.get("PACKAGES") or Path(os.environ.get("CARGO_TARGET_DIR") or httpd.REPOSITORY / "target") / "package")
INSTALL = httpd.REPOSITORY / "apxs" / "install"


def missing(why):
    """Skips, or fails where nothing may be skipped."""
    if os.environ.get("PACKAGES_STRICT"):
        pytest.fail(why)
    pytest.skip(why)


def needs(*tools):
    """The tools that a test runs."""
    for tool in tools:
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            missing(f"{tool} is not installed: apt-get install it")


def needs_root(what):
    """What only root can do."""
    if os.geteuid() != 0:
        missing(f"{what} needs root")


def package(pattern, verb):
    """The newest package of a kind."""
    found = sorted(FOLDER.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        missing(f"there is no {pattern} in {FOLDER}: make {verb}")
    return found[-1].resolve()


def field(deb, name):
    """One field of a Debian package's control file."""
    return subprocess.run(["dpkg-deb", "--field", deb, name], check=True, capture_output=True, text=True).stdout.strip()


def installed(folder, parts, **settings):
    """Every file that apxs/install puts below a folder, with its mode; without compression of manual pages."""
    environment = {**os.environ, "DESTDIR": str(folder), **settings}
    subprocess.run([INSTALL, "install", str(parts)], check=True, capture_output=True, env=environment)
    return below(folder)


def below(folder):
    """Every file below a folder, and whether it can be executed."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {f"/{path.relative_to(folder)}".removesuffix(".gz"): bool(path.stat().st_mode & 0o100) for path in found}


def parts_of(folder, *places):
    """The parts in the unpacked files of a package, laid together as `make` leaves them."""
    found = (path for place in places for path in (Path(folder) / place).glob("mod_wsgi*"))
    for path in (Path(folder) / "usr/bin/mod_wsgi-express", *found):
        target = Path(folder).parent / "parts" / path.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
        target.chmod(0o755)
    return Path(folder).parent / "parts"


def traces(folder):
    """Paths of the machine that built something, within files: there must be none."""
    wanted = (os.fsencode(httpd.REPOSITORY), os.fsencode(Path.home()) + b"/.cargo", b"/.cargo/registry", b"/rustlib/src")
    return [(str(path), trace) for path in Path(folder).rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"
            for trace in wanted if trace in path.read_bytes()]
