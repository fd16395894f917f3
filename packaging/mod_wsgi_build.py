"""Builds the Python wheel and the sdist: what pip calls (PEP 517), and `make wheel`.

A wheel has what apxs/install puts below a prefix: mod_wsgi-express in bin, the module and its parts in lib/mod_wsgi,
manual page and completions in share. Beside that is the package python/mod_wsgi. Nothing links libpython, so one wheel
is for every Python from 3.10 on, and needs the glibc that its files name. The sdist has every file of the commit, and
the sources of all crates in vendor/, so that it is built without a network. Nothing but the standard library is used.
"""

import base64
import gzip
import hashlib
import io
import os
import re
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "mod_wsgi"
# What is no source where there is no git to ask.
OTHERS = {"target", ".venv", ".git", "__pycache__"}


def shell(line, **environment):
    """What a line of shell prints, in which the functions and variables of common.sh are known."""
    text = f"set -euo pipefail; source packaging/common.sh; {line}"
    result = subprocess.run(["bash", "-c", text], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
                            stdin=subprocess.DEVNULL, env={**os.environ, **environment})
    return result.stdout.strip()


def version():
    """That of mod_wsgi which the module takes the place of, and our own."""
    replaced = re.search(r"MOD_WSGI_VERSION: .* = \((\d+), (\d+), (\d+)\)", contract()).groups()
    return f"{'.'.join(replaced)}+rust.{shell('echo $version')}"


def contract():
    """The file that has the version of the replaced one."""
    return "".join(path.read_text() for path in sorted((ROOT / "crates" / "contract" / "src").glob("*.rs")))


def metadata():
    """The file METADATA, which the sdist calls PKG-INFO."""
    return f"""Metadata-Version: 2.4
Name: mod_wsgi
Version: {version()}
Summary: Run Python WSGI applications behind Apache httpd, in Rust
License-Expression: Apache-2.0
License-File: LICENSE
Requires-Python: >=3.10
Description-Content-Type: text/markdown

{(PACKAGE / "README.md").read_text()}"""


def epoch():
    """The time of the commit: that of every file that is made."""
    return int(shell("echo $SOURCE_DATE_EPOCH"))


# The wheel


def parts():
    """Every file of the wheel but those that describe it: name, content, whether it can be executed."""
    # The machine's own Python is the default of the module; where there is none, the one that builds it.
    default = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else os.path.realpath(sys.executable)
    tree = Path(shell("tree wheel", LAYOUT="prefix", PREFIX="", DOCDIR="/share/doc/mod_wsgi",
                      PYTHON=os.environ.get("PYTHON", default)))
    data = f"mod_wsgi-{version()}.data"
    for path in files(tree):
        place = path.relative_to(tree)
        scheme = f"scripts/{path.name}" if place.parts[0] == "bin" else f"data/{place}"
        yield f"{data}/{scheme}", path.read_bytes(), bool(path.stat().st_mode & stat.S_IXUSR)
    for path in files(PACKAGE / "mod_wsgi"):
        yield str(path.relative_to(PACKAGE)), path.read_bytes(), False


def files(folder):
    """Every file below a folder, always in the same order."""
    found = (path for path in folder.rglob("*") if path.is_file() and not OTHERS & set(path.relative_to(folder).parts))
    return sorted(found, key=str)


def tag(contents):
    """The wheel's tag: it needs this kind of machine, and the newest version of glibc that a file names, if any does."""
    newest = max((int(number) for content in contents for number in re.findall(rb"GLIBC_2\.(\d+)", content)), default=None)
    return f"py3-none-{'linux' if newest is None else f'manylinux_2_{newest}'}_{os.uname().machine}"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """The hook that makes a wheel; its name is returned."""
    everything = list(parts())
    own_tag = tag(content for _, content, executable in everything if executable or b"\x7fELF" in content[:4])
    info = f"mod_wsgi-{version()}.dist-info"
    wheel = f"Wheel-Version: 1.0\nGenerator: mod_wsgi_build\nRoot-Is-Purelib: false\nTag: {own_tag}\n"
    everything += [(f"{info}/METADATA", metadata().encode(), False), (f"{info}/WHEEL", wheel.encode(), False),
                   (f"{info}/licenses/LICENSE", (ROOT / "LICENSE").read_bytes(), False)]
    lines = [f"{name},sha256={digest(content)},{len(content)}\n" for name, content, _ in everything]
    record = f"{info}/RECORD"
    everything.append((record, "".join([*lines, f"{record},,\n"]).encode(), False))
    name = f"mod_wsgi-{version()}-{own_tag}.whl"
    date = time.gmtime(max(epoch(), 315532800))[:6]  # zip begins in 1980
    with zipfile.ZipFile(Path(wheel_directory, name), "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content, executable in everything:
            entry = zipfile.ZipInfo(file, date)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            archive.writestr(entry, content)
    return name


def digest(content):
    """As RECORD has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    """The hook that tells pip about a wheel before it is made."""
    info = Path(metadata_directory, f"mod_wsgi-{version()}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(metadata())
    return info.name


# The sdist


def sources():
    """Every file of the commit, else every file here."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    top = subprocess.run(["git", "rev-parse", "--show-prefix"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout and top.stdout.strip() == b"":
        return [path for path in (ROOT / os.fsdecode(name) for name in sorted(listed.stdout.split(b"\0")) if name)
                if path.is_file()]
    return files(ROOT)


def vendored():
    """The folder with the sources of all crates."""
    brought = ROOT / "vendor"
    if not brought.is_dir():
        brought = Path(shell("echo $target"), "package", "vendor")
        # Its output is what a configuration of cargo would need; packaging/build says it itself. What a build has
        # fetched is enough, so a network is the second choice.
        line = ["cargo", "vendor", "--quiet", "--locked", "--versioned-dirs", str(brought)]
        if subprocess.run([*line, "--offline"], cwd=ROOT, capture_output=True, check=False).returncode:
            subprocess.run(line, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return brought


def build_sdist(sdist_directory, config_settings=None):
    """The hook that makes an sdist; its name is returned."""
    top = f"mod_wsgi-{version()}"
    crates = vendored()
    contents = {str(path.relative_to(ROOT)): path for path in sources()}
    contents |= {f"vendor/{path.relative_to(crates)}": path for path in sorted(crates.rglob("*"), key=str) if path.is_file()}
    contents.pop("PKG-INFO", None)
    date = epoch()
    with open(Path(sdist_directory, f"{top}.tar.gz"), "wb") as file, \
            gzip.GzipFile("", "wb", fileobj=file, mtime=date) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        def add(name, content, mode):
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mode, entry.mtime = len(content), mode, date
            archive.addfile(entry, io.BytesIO(content))

        add("PKG-INFO", metadata().encode(), 0o644)
        for name, path in contents.items():
            add(name, path.read_bytes(), 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    return f"{top}.tar.gz"


if __name__ == "__main__":
    # mod_wsgi_build.py FOLDER: makes both, and prints where they are.
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    for hook in (build_wheel, build_sdist):
        print(Path(sys.argv[1], hook(sys.argv[1])))
