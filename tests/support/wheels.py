"""Packages for pip without a network: those of the tests' own environment, packed again as the wheels that they came from."""

import base64
import functools
import hashlib
import re
import shutil
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

from . import httpd

PLACES = []


@functools.cache
def folder():
    """A folder with a wheel for each package that a document installs, and for what these need."""
    place = Path(tempfile.mkdtemp(prefix="mod_wsgi-test-wheels-", dir=httpd.SCRATCH))
    place.chmod(0o755)
    PLACES.append(place)
    wanted, packed = ["django", "flask", "mod_wsgi-telemetry"], set()
    while wanted:
        name = wanted.pop()
        if name not in packed:
            packed.add(name)
            pack(metadata.distribution(name), place)
            wanted += needed(metadata.distribution(name))
    return place


def remove():
    """Removes what [`folder`] has made."""
    for place in PLACES:
        shutil.rmtree(place, ignore_errors=True)


def needed(distribution):
    """What it requires of what is installed here."""
    names = [re.match(r"[\w.-]+", line)[0] for line in distribution.requires or [] if "extra ==" not in line]
    return [name for name in names if _installed(name)]


def _installed(name):
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def pack(distribution, place):
    """One wheel. Programs of the package are not files of it: pip makes them of its entry points."""
    tag = re.findall(r"^Tag: (.+)$", distribution.read_text("WHEEL"), re.M)[0]
    name = distribution.metadata["Name"].replace("-", "_").replace(".", "_").lower()
    information = f"{name}-{distribution.version}.dist-info"
    record = []
    with zipfile.ZipFile(place / f"{name}-{distribution.version}-{tag}.whl", "w") as wheel:
        for file in distribution.files:
            path = str(file)
            if ".." in file.parts or path.endswith(".pyc") or file.name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
                continue
            if file.parts[0].endswith(".dist-info"):
                path = "/".join((information, *file.parts[1:]))
            content = Path(distribution.locate_file(file)).read_bytes()
            wheel.writestr(path, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(content)}")
        wheel.writestr(f"{information}/RECORD", "\n".join([*record, f"{information}/RECORD,,"]) + "\n")
