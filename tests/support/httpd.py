"""The installed httpd and the module under test: where they are.

`APXS` names another httpd's apxs, `MOD_WSGI_SO` another module (the replaced mod_wsgi, for comparison). Without it the
module staged by `make` in target/stage is tested.
"""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import django

REPOSITORY = Path(__file__).resolve().parents[2]
STAGE = REPOSITORY / "target" / "stage"
PARTS = ("mod_wsgi.so", "mod_wsgi_host.abi3.so", "mod_wsgi_leader")

# Where servers are made: readable and traversable for every user, unlike a home directory or pytest's own folder.
SCRATCH = "/var/tmp"


@functools.cache
def query(name):
    """What `apxs -q NAME` answers."""
    apxs = os.environ.get("APXS") or shutil.which("apxs") or shutil.which("apxs2")
    if apxs is None:
        raise RuntimeError("apxs is not installed: apt-get install apache2-dev")
    return subprocess.run([apxs, "-q", name], check=True, capture_output=True, text=True).stdout.strip()


def program():
    """httpd's executable."""
    return str(Path(query("SBINDIR")) / query("PROGNAME"))


def modules():
    """The folder of httpd's own modules."""
    return Path(query("LIBEXECDIR"))


@functools.cache
def module():
    """The module under test, in a place where the users of daemon processes can read its parts."""
    chosen = Path(os.environ.get("MOD_WSGI_SO", STAGE / "mod_wsgi.so")).resolve()
    if not chosen.exists():
        raise RuntimeError(f"{chosen} does not exist: run `make` first")
    if not (chosen.parent / "mod_wsgi_leader").exists():
        return chosen
    return copy_of(chosen)


COPIES = []


def copy_of(chosen):
    """A copy of a module and the parts beside it that every user can read."""
    place = Path(tempfile.mkdtemp(prefix="mod_wsgi-test-module-", dir=SCRATCH))
    COPIES.append(place)
    place.chmod(0o755)
    for part in (*PARTS, "mod_wsgi-express"):
        if part in PARTS or (chosen.parent / part).exists():
            shutil.copy2(chosen.parent / part, place / part)
            (place / part).chmod(0o755)
    return place / "mod_wsgi.so"


def remove_copies():
    """Removes what [`copy_of`] has made."""
    for place in COPIES:
        shutil.rmtree(place, ignore_errors=True)


def readable_packages():
    """The site-packages of the tests' own environment, or a copy if other users cannot get there."""
    source = Path(django.__file__).resolve().parents[1]
    if all(folder.stat().st_mode & 0o005 == 0o005 for folder in [source, *source.parents]):
        return source
    place = Path(tempfile.mkdtemp(prefix="mod_wsgi-test-packages-", dir=SCRATCH))
    place.chmod(0o755)
    shutil.copytree(source, place, copy_function=link_or_copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns(
        "__pycache__", "*.po", "*.pth", "pip", "setuptools", "pkg_resources", "_pytest", "pytest", "pygments", "mypy", "xdist"))
    return place


def link_or_copy(source, target):
    """A second name for a file where the file system allows it: some of the packages are large."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def remove_readable(place):
    """Removes what [`readable_packages`] has copied."""
    if place.name.startswith("mod_wsgi-test-packages-"):
        shutil.rmtree(place, ignore_errors=True)


def is_reference():
    """Whether the module under test is the replaced mod_wsgi."""
    return not (module().parent / "mod_wsgi_leader").exists()


def load_lines(names):
    """LoadModule lines for those of `names` that are not built into httpd."""
    lines = []
    for name in names:
        file = modules() / f"mod_{name}.so"
        if file.exists():
            lines.append(f"LoadModule {name}_module {file}")
    return "\n".join(lines)
