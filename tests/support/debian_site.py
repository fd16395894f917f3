"""A fresh Django project on a Debian of its own (support/debian.py): served by a process group, and below /embedded by
httpd's own processes. Which package brings the module is the test's."""

import urllib.request

from support.processes import wait_until
from support.server import free_port

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
