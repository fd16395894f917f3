"""The wheel: its files, and what it is in a virtual environment of every Python that is here, as in docs/install.md."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import httpd, packaged, pythons

pytestmark = pytest.mark.timeout(600)  # copies of whole Pythons
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
PARTS = ("mod_wsgi.so", "mod_wsgi_host.abi3.so", "mod_wsgi_leader")
APPLICATION = '''"""Says which Python runs it, and what `mod_wsgi` is."""

import sys

import mod_wsgi
import mod_wsgi.express.reloader


def application(environ, start_response):
    text = f"{sys.version_info[0]}.{sys.version_info[1]} {sys.prefix} {mod_wsgi.process_group!r} {mod_wsgi.version}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
'''


@pytest.fixture(scope="module")
def place():
    """A folder that every user may read."""
    place = pythons.scratch()
    yield place
    shutil.rmtree(place, ignore_errors=True)


def pip(home, *words, minor=sys.version_info[1]):
    """pip for a virtual environment, without a network: that of the Python which it was made from, if that has one."""
    own = pythons.installed()[minor] / "bin" / f"python3.{minor}"
    has_pip = subprocess.run([own, "-c", "import pip"], capture_output=True).returncode == 0
    result = subprocess.run([own if has_pip else sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check",
                             "--python", home / "bin/python", *words], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module", params=VERSIONS)
def environment(request, wheel, place):
    """A virtual environment of each version with nothing but the wheel."""
    minor = int(request.param.partition(".")[2])
    if minor not in pythons.installed():
        packaged.missing(f"there is no Python {request.param} here")
    base = pythons.readable(minor, place)
    home = place / f"venv-{request.param}"
    subprocess.run([base / "bin" / f"python{request.param}", "-m", "venv", "--without-pip", home], check=True)
    pip(home, "install", "--no-index", wheel, minor=minor)
    return home, request.param


def run(environment, *words, **more):
    """The installed command, in an environment that knows nothing else."""
    home, _ = environment
    return subprocess.run([home / "bin/mod_wsgi-express", *words], capture_output=True, text=True, cwd="/", stdin=subprocess.DEVNULL,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **more})


def test_one_wheel_is_for_all_pythons(wheel):
    name = re.fullmatch(r"mod_wsgi-(\d+\.\d+\.\d+)\+rust\.(\d+\.\d+\.\d+)-py3-none-manylinux_2_(\d+)_(\w+)\.whl", wheel.name)
    assert name and name.group(4) == os.uname().machine
    with zipfile.ZipFile(wheel) as archive:
        needed = {int(number) for file in archive.namelist() if archive.read(file)[:4] == b"\x7fELF"
                  for number in re.findall(rb"GLIBC_2\.(\d+)", archive.read(file))}
        assert max(needed) == int(name.group(3)), "the tag names the glibc that it needs"


@pytest.fixture
def parts(wheel, tmp_path):
    """The parts in it, laid together as `make` leaves them."""
    folder = tmp_path / "parts"
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith((*PARTS, "scripts/mod_wsgi-express")):
                (folder / Path(name).name).write_bytes(archive.read(name))
                (folder / Path(name).name).chmod(0o755)
    return folder


def test_it_has_what_make_install_has(wheel, parts, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        names = {name.split(".data/")[1] for name in archive.namelist() if ".data/" in name}
    expected = packaged.installed(tmp_path / "expected", parts, LAYOUT="prefix", PREFIX="", DOCDIR="/share/doc/mod_wsgi")
    places = {name.replace("scripts/", "/bin/") if name.startswith("scripts/") else name.removeprefix("data") for name in names}
    assert places == {*expected, "/share/doc/mod_wsgi/crates.txt"} and all(f"/lib/mod_wsgi/{part}" in places for part in PARTS)


def test_nothing_tells_where_it_was_built(parts):
    assert packaged.traces(parts) == []


def test_its_record_is_right(wheel):
    with zipfile.ZipFile(wheel) as archive:
        record = next(name for name in archive.namelist() if name.endswith("/RECORD"))
        rows = {row[0]: row for row in csv.reader(io.StringIO(archive.read(record).decode()))}
        assert set(rows) == set(archive.namelist())
        assert all(int(row[2]) == archive.getinfo(name).file_size for name, row in rows.items() if name != record)


def test_the_command_finds_its_files(environment):
    home, _ = environment
    assert run(environment, "module-location").stdout.strip() == f"{home}/lib/mod_wsgi/mod_wsgi.so"
    assert os.access(home / "lib/mod_wsgi/mod_wsgi_leader", os.X_OK)
    assert (home / "share/man/man8/mod_wsgi-express.8").exists()


def test_module_config_is_what_httpd_takes(environment, tmp_path):
    home, _ = environment
    lines = run(environment, "module-config").stdout
    assert lines.splitlines() == [f"LoadModule wsgi_module {home}/lib/mod_wsgi/mod_wsgi.so", f"WSGIPythonHome {home}"]
    conf = tmp_path / "httpd.conf"
    mpm = "" if "event.c" in subprocess.run([httpd.program(), "-l"], capture_output=True, text=True).stdout else \
        f"LoadModule mpm_event_module {httpd.modules()}/mod_mpm_event.so\n"
    conf.write_text(f'{mpm}LoadModule authz_core_module {httpd.modules()}/mod_authz_core.so\n{lines}'
                    f'ServerName localhost\nServerRoot {tmp_path}\nListen 127.0.0.1:1\nErrorLog {tmp_path}/log\n'
                    "User www-data\nGroup www-data\nWSGIDaemonProcess x\n")
    said = subprocess.run([httpd.program(), "-t", "-f", conf], capture_output=True, text=True)
    assert said.returncode == 0 and "Syntax OK" in said.stderr, said.stderr


@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]], ids=["daemon", "embedded"])
def test_it_serves_with_the_python_that_it_is_installed_in(environment, express, mode):
    home, version = environment
    if mode and not list(home.resolve().parent.rglob(f"libpython{version}.so.1.0")):
        packaged.missing(f"Python {version} has no shared library")
    script = express.write("site.wsgi", APPLICATION)
    identity = ["--user", "www-data"] if express.user == "root" else []
    express.launch([home / "bin/mod_wsgi-express", "start-server", script, "--port", express.port, *mode, *identity])
    text = express.get("/").body.decode()
    assert text.startswith(f"{version} {home} ") and text.endswith("(6, 1, 1)"), text + express.output()


def test_django_finds_the_command(environment):
    home, version = environment
    said = subprocess.run([home / "bin/python", "-c", "from mod_wsgi.express import cli; print(cli.program())"],
                          capture_output=True, text=True, cwd="/", env={"PATH": "/usr/bin:/bin"})
    assert said.stdout.strip() == f"{home}/bin/mod_wsgi-express", said.stderr


def test_uninstall_leaves_nothing(environment, wheel):
    home, version = environment
    minor = int(version.partition(".")[2])
    pip(home, "uninstall", "--yes", "mod_wsgi", minor=minor)
    assert [path for path in home.rglob("*mod_wsgi*") if "__pycache__" not in path.parts] == []
    pip(home, "install", "--no-index", wheel, minor=minor)


def test_without_a_virtual_environment(wheel, tmp_path):
    """`pip install --target`, as for layers of containers."""
    pip(Path(sys.prefix), "install", "--no-index", "--target", tmp_path, wheel)
    assert (tmp_path / "bin/mod_wsgi-express").exists() and (tmp_path / "mod_wsgi/express/cli.py").exists()
