"""The .deb: its files, and what it says of itself. What it does to a system is in test_deb_system.py."""

import subprocess

import pytest
from support import httpd
from support.packaged import below, field, installed, needs, parts_of, traces

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def unpacked(deb, tmp_path):
    """Its files."""
    subprocess.run(["dpkg-deb", "--extract", deb, tmp_path / "deb"], check=True)
    return tmp_path / "deb"


def test_it_has_what_make_install_has(unpacked, tmp_path):
    docs = "/usr/share/doc/libapache2-mod-wsgi-rs"
    parts = parts_of(unpacked, "usr/lib/apache2/modules")
    expected = installed(tmp_path / "expected", parts, LAYOUT="debian", PREFIX="/usr", DOCDIR=docs)
    assert below(unpacked) == expected | {f"{docs}/{file}": False for file in ("copyright", "changelog.Debian", "crates.txt")}
    assert "/etc/apache2/mods-available/wsgi.load" in expected and "/usr/lib/apache2/modules/mod_wsgi_leader" in expected


def test_its_copyright_is_ours(unpacked):
    """cargo-deb writes one of its own, which knows nobody, where it finds none."""
    there = unpacked / "usr/share/doc/libapache2-mod-wsgi-rs/copyright"
    assert there.read_text().strip() == (httpd.REPOSITORY / "packaging/debian/copyright").read_text().strip()


def test_nothing_tells_where_it_was_built(unpacked):
    assert traces(unpacked) == []


def test_what_it_needs_and_replaces(deb):
    depends = field(deb, "Depends").split(", ")
    assert "apache2-api-20120211" in depends and "python3 (>= 3.10)" in depends
    assert any(item.startswith("libc6 (>=") for item in depends), depends
    assert "libpython" not in field(deb, "Depends") and "libpython3.11" in field(deb, "Recommends")
    assert "libapache2-mod-wsgi-py3" in field(deb, "Conflicts")
    assert field(deb, "Replaces") == "libapache2-mod-wsgi-py3"
    assert "httpd-wsgi3" in field(deb, "Provides") and "libapache2-mod-wsgi-py3 (= " in field(deb, "Provides")


def test_files_of_configuration_are_the_administrators(deb):
    control = subprocess.run(["dpkg-deb", "--ctrl-tarfile", deb], check=True, capture_output=True).stdout
    text = subprocess.run(["tar", "xO", "./conffiles"], input=control, check=True, capture_output=True).stdout.decode()
    assert text.split() == ["/etc/apache2/mods-available/wsgi.conf", "/etc/apache2/mods-available/wsgi.load"]


def test_lintian_finds_no_error_but_these(deb):
    needs("lintian")
    # The host library is no module of httpd's; symbols are kept, for the sake of stacks in reports.
    known = ("apache2-module-does-not-ship-load-file", "unstripped-binary-or-object")
    said = subprocess.run(["lintian", "--allow-root", deb], capture_output=True, text=True).stdout
    errors = [line for line in said.splitlines() if line.startswith("E:") and not any(name in line for name in known)]
    assert errors == []
