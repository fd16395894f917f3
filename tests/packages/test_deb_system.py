"""What the .deb does to a Debian: installed, upgraded, removed, purged; and in the place of libapache2-mod-wsgi-py3.

Each system is a copy of a clean one (support/debian.py) with a Django site (support/debian_site.py). The commands are those
of docs/install.md.
"""

import subprocess

import pytest
from support import packaged
from support.debian_site import PAGE

pytestmark = [pytest.mark.root, pytest.mark.timeout(1800)]
REPLACED = "libapache2-mod-wsgi-py3"
OURS = "libapache2-mod-wsgi-rs"


def newer(deb, folder):
    """The same package as a later version."""
    subprocess.run(["dpkg-deb", "--raw-extract", deb, folder / "raw"], check=True)
    control = folder / "raw/DEBIAN/control"
    version = packaged.field(deb, "Version")
    control.write_text(control.read_text().replace(f"Version: {version}", "Version: 99.0-1"))
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", folder / "raw", folder / "newer.deb"], check=True,
                   capture_output=True)
    return folder / "newer.deb"


def test_install_upgrade_remove_and_purge(site, deb, tmp_path):
    system = site.system
    version = system.run("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").stdout.strip()
    system.install(f"libpython{version}", deb)
    assert site.is_enabled() == "wsgi (enabled by maintainer script)"
    site.serves()
    assert system.run("mod_wsgi-express", "module-location").stdout.strip() == "/usr/lib/apache2/modules/mod_wsgi.so"

    system.write("/etc/apache2/mods-available/wsgi.conf", "# an administrator's\nWSGIRestrictEmbedded On\n")
    upgrade = newer(deb, tmp_path)
    system.install(upgrade)
    assert "an administrator's" in (system.folder / "etc/apache2/mods-available/wsgi.conf").read_text()
    assert site.is_enabled() == "wsgi (enabled by maintainer script)"
    site.serves(PAGE)

    system.run("a2dismod", "-q", "wsgi")
    system.run("dpkg", "--install", f"/root/{upgrade.name}")
    assert "disabled by site administrator" in site.is_enabled(), "an upgrade must not undo what the administrator did"
    system.run("a2enmod", "-q", "wsgi")

    system.run("apt-get", "--yes", "remove", OURS)
    assert site.left() == ["etc/apache2/mods-available/wsgi.conf", "etc/apache2/mods-available/wsgi.load",
                           "var/lib/apache2/module/disabled_by_maint/wsgi"]
    system.run("apt-get", "--yes", "purge", OURS)
    assert site.left() == []


def test_it_takes_the_place_of_the_replaced_one_and_gives_it_back(site, deb):
    system = site.system
    system.install(REPLACED)
    site.serves()
    system.install(deb)
    states = system.run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", REPLACED, OURS).stdout.split()
    assert states == [REPLACED, "rc", OURS, "ii"]
    assert site.is_enabled() == "wsgi (enabled by maintainer script)"
    assert "Applications are best described" in (system.folder / "etc/apache2/mods-available/wsgi.conf").read_text()
    site.serves()
    # What docs/install.md warns of: the purged package disables the module of its name.
    system.run("dpkg", "--purge", REPLACED)
    assert site.is_enabled() == "No module matches wsgi"
    system.run("a2enmod", "-q", "wsgi")
    site.serves()
    system.install(REPLACED)
    assert system.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", OURS).stdout.strip() == "rc"
    site.serves()


def test_what_needs_the_replaced_one_is_content_with_this_one(site, deb, tmp_path):
    """Packages of Debian depend on libapache2-mod-wsgi-py3 by name."""
    control = tmp_path / "needy/DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text("Package: needy\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: a site\n"
                       "Depends: libapache2-mod-wsgi-py3 (>= 4), httpd-wsgi3\n")
    subprocess.run(["dpkg-deb", "--build", tmp_path / "needy", tmp_path / "needy.deb"], check=True, capture_output=True)
    site.system.install(deb, tmp_path / "needy.deb")
    assert REPLACED not in site.system.run("dpkg-query", "-W", "-f", "${Package}\n").stdout
