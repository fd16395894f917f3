"""The .rpm, as far as it can be looked at without an RPM system: its files, what it needs, and that httpd loads it."""

import re
import subprocess

import pytest
from support import httpd, packaged
from support.debian_site import PAGE
from support.packaged import below, installed, needs, parts_of, traces

pytestmark = pytest.mark.timeout(600)
# SELinux has httpd load what is in the one, and execute what is in the other.
PLACES = ("usr/lib64/httpd/modules", "usr/libexec")


def asked(rpm, *options):
    """What rpm says about the package, in lines."""
    result = subprocess.run(["rpm", "--query", "--package", *options, rpm], check=True, capture_output=True, text=True)
    return result.stdout.splitlines()


def transaction(root, *options):
    """rpm at work on a system of its own, which has nothing that the package needs."""
    return subprocess.run(["rpm", "--root", root, *options, "--nodeps"], capture_output=True, text=True)


@pytest.fixture
def unpacked(rpm, tmp_path):
    """What there is after rpm has installed it."""
    packaged.needs_root("rpm --root")
    root = tmp_path / "rpm"
    root.mkdir()
    result = transaction(root, "--install", rpm)
    assert result.returncode == 0, result.stderr
    return root


def test_rpm_installs_verifies_and_erases_it(unpacked):
    assert (unpacked / "usr/bin/mod_wsgi-express").exists()
    assert transaction(unpacked, "--verify", "mod_wsgi-rs").stdout == ""
    (unpacked / "etc/httpd/conf.modules.d/10-wsgi.conf").write_text("# an administrator's\n")
    assert transaction(unpacked, "--erase", "mod_wsgi-rs").returncode == 0
    # Its folders stay: cargo-generate-rpm cannot list folders beside files whose needs it looks for.
    left = sorted(str(path.relative_to(unpacked)) for path in unpacked.rglob("*wsgi*") if path.is_file())
    assert left == ["etc/httpd/conf.modules.d/10-wsgi.conf.rpmsave"]


def test_it_has_what_make_install_has(rpm, unpacked, tmp_path):
    docs = "/usr/share/doc/mod_wsgi-rs"
    parts = parts_of(unpacked, *PLACES)
    expected = installed(tmp_path / "expected", parts, LAYOUT="fedora", PREFIX="/usr", DOCDIR=docs)
    expected |= {"/usr/share/licenses/mod_wsgi-rs/LICENSE": False, f"{docs}/crates.txt": False}
    assert {name: mode for name, mode in below(unpacked).items() if name.startswith(("/etc/", "/usr/"))} == expected
    assert {name.removesuffix(".gz") for name in asked(rpm, "--list")} == set(expected)
    line = (unpacked / "etc/httpd/conf.modules.d/10-wsgi.conf").read_text()
    assert line == "LoadModule wsgi_module /usr/lib64/httpd/modules/mod_wsgi.so\n"


def test_what_it_needs(rpm):
    requires = asked(rpm, "--requires")
    assert any(re.fullmatch(r"httpd-mmn = 20120211(x8664|aarch64)", item) for item in requires), requires
    assert any("python3 >= 3.10" in item for item in requires) and not any("libpython" in item for item in requires)
    assert "python3-mod_wsgi" in asked(rpm, "--conflicts")
    assert asked(rpm, "--configfiles") == ["/etc/httpd/conf.modules.d/10-wsgi.conf"]
    assert asked(rpm, "--scripts") == []


def test_the_headers_it_was_built_with_are_of_the_same_interface(rpm):
    """httpd refuses a module whose magic number has another major; Debian's headers have the one that the package names."""
    header = httpd.query("INCLUDEDIR") + "/ap_mmn.h"
    major = re.search(r"define MODULE_MAGIC_NUMBER_MAJOR (\d+)", open(header).read()).group(1)
    assert any(item.startswith(f"httpd-mmn = {major}") for item in asked(rpm, "--requires"))


def test_nothing_tells_where_it_was_built(unpacked):
    assert traces(unpacked) == []


def test_httpd_serves_with_the_unpacked_module(unpacked, serve):
    subprocess.run(["chmod", "-R", "a+rX", unpacked.parent], check=True)
    place = httpd.copy_of(parts_of(unpacked, *PLACES) / "mod_wsgi.so").parent
    server = serve("WSGIDaemonProcess app\nWSGIScriptAlias / ${APPS}/hello.py process-group=app\n", run=False)
    server.conf.write_text(server.text.replace(str(httpd.module()), str(place / "mod_wsgi.so")))
    server.start()
    assert server.get("/").status == 200


@pytest.mark.root
@pytest.mark.timeout(1800)
def test_every_part_is_found_where_rpm_puts_it(site, rpm):
    """Debian's httpd, in a root of its own that rpm has installed the package into."""
    system = site.system
    result = transaction(system.folder, "--install", rpm)
    assert result.returncode == 0, result.stderr
    system.write("/etc/apache2/mods-enabled/wsgi.load", "Include /etc/httpd/conf.modules.d/10-wsgi.conf\n")
    site.serves(PAGE)


def test_the_recipe_is_understood():
    needs("rpmspec")
    said = subprocess.run(["rpmspec", "--parse", httpd.REPOSITORY / "packaging" / "mod_wsgi-rs.spec"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "packaging/build" in said.stdout and "LAYOUT=fedora" in said.stdout
