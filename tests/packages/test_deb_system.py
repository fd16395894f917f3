"""What the .deb does to a Debian: installed, upgraded, removed, purged; and in the place of libapache2-mod-wsgi-py3.

Each system is a copy of a clean one (support/debian.py). Its site is a fresh Django project: in a process group, and
below /embedded in httpd's own processes. The commands are those of docs/install.md.
"""

import os
import shutil
import subprocess
import urllib.request

import pytest
from support import debian, packaged
from support.processes import wait_until
from support.server import free_port

pytestmark = [pytest.mark.root, pytest.mark.timeout(1800)]
SITE = """Listen {port}
ServerName localhost
<VirtualHost *:{port}>
    WSGIDaemonProcess site processes=2 threads=3 python-path=/srv/site
    WSGIScriptAlias /embedded /srv/site/embedded.wsgi
    WSGIScriptAlias / /srv/site/project/wsgi.py process-group=site application-group=%{{GLOBAL}}
    <Directory /srv/site>
        Require all granted
    </Directory>
</VirtualHost>
"""
EMBEDDED = '''import os
import sys

sys.path.insert(0, "/srv/site")
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
'''
PAGE = "/admin/login/"
REPLACED = "libapache2-mod-wsgi-py3"
OURS = "libapache2-mod-wsgi-rs"


class Site:
    """The site on a system."""

    def __init__(self, system):
        self.system, self.port = system, free_port()
        system.run("mkdir", "-p", "/srv/site")
        system.run("django-admin", "startproject", "project", "/srv/site")
        settings = system.folder / "srv/site/project/settings.py"
        settings.write_text(settings.read_text() + 'ALLOWED_HOSTS = ["*"]\n')
        system.write("/srv/site/embedded.wsgi", EMBEDDED)
        system.write("/etc/apache2/ports.conf", "")
        system.write("/etc/apache2/sites-available/site.conf", SITE.format(port=self.port))
        system.run("a2dissite", "-q", "000-default")
        system.run("a2ensite", "-q", "site")

    def serves(self, *paths):
        """Whether the pages come, from an httpd that is started for it."""
        self.system.run("apachectl", "configtest")
        self.system.run("apachectl", "start")
        try:
            for path in paths or (PAGE, f"/embedded{PAGE}"):
                assert "Django" in self.page(path), (path, self.log())
        finally:
            self.system.run("apachectl", "stop")
            pid = self.system.folder / "run/apache2/apache2.pid"
            wait_until(lambda: not pid.exists(), 30, "httpd has stopped")

    def page(self, path):
        """A page of it; what was wrong where there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
                return answer.read().decode()
        except OSError as error:
            return str(error)

    def log(self):
        """The end of httpd's error log."""
        return (self.system.folder / "var/log/apache2/error.log").read_text()[-3000:]

    def is_enabled(self):
        """Who has enabled or disabled the module, in a2query's words."""
        result = self.system.run("a2query", "-m", "wsgi", check=False)
        return result.stdout.strip() or result.stderr.strip()

    def left(self):
        """What there is of a module with this name."""
        places = [self.system.folder / place for place in ("etc/apache2", "usr/lib/apache2", "var/lib/apache2", "usr/bin",
                                                           "usr/share/doc", "usr/share/man")]
        found = (path for place in places for path in place.rglob("*wsgi*") if "uwsgi" not in path.name)
        return sorted(str(path.relative_to(self.system.folder)) for path in found)


@pytest.fixture(params=os.environ.get("PACKAGES_SUITES", "bookworm").split(","))
def site(request):
    """The site on a system of its own."""
    system = debian.copy(request.param)
    try:
        yield Site(system)
    finally:
        system.close()
        shutil.rmtree(system.folder, ignore_errors=True)


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
