"""Django's users guard what httpd serves: django.contrib.auth.handlers.modwsgi against a real database.

The configurations are those of docs/access.md as they stand there, with other places.
"""

import os
import subprocess

import pytest
from support import httpd
from support.access import basic
from support.blocks import fenced

pytestmark = pytest.mark.ours  # process-group= on these directives, and words of the log

BLOCKS = list(fenced(httpd.REPOSITORY / "docs" / "access.md"))
SCRIPT = next(block.text for block in BLOCKS if block.language == "python")
CONFIGURATIONS = {"child": "WSGIPythonHome", "group": "WSGIDaemonProcess"}

SETTINGS = """
import os
SECRET_KEY = "x"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(__file__.partition("/srv/")[0], "data", "site.sqlite3")}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick, for the test
"""
PEOPLE = """
from django.contrib.auth.models import Group, User
staff = Group.objects.create(name="Staff")
for name in ("ann", "ben", "old"):
    user = User.objects.create_user(name, password="secret of " + name, is_active=name != "old")
    if name != "ben":
        user.groups.add(staff)
"""


def configuration(place):
    """What docs/access.md says for that place."""
    found = [block.text for block in BLOCKS if block.language == "apache" and block.text.startswith(CONFIGURATIONS[place])]
    assert len(found) == 1
    return found[0].replace("/srv/", "${ROOT}/srv/") + "<Directory ${ROOT}/srv/site/src>\n    Require all denied\n</Directory>\n"


@pytest.fixture(params=CONFIGURATIONS)
def site(request, serve, packages):
    """A folder for all users, one for the group Staff, and Django's database beside them."""
    server = serve(configuration(request.param), run=False, files={"srv/site/src/mysite/settings.py": SETTINGS})
    root = server.root / "srv" / "site"
    server.write("srv/site/auth.py", SCRIPT.replace("/srv/", f"{server.root}/srv/"))
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", root / "venv"], check=True)
    (next((root / "venv" / "lib").glob("python3*/site-packages")) / "django.pth").write_text(f"{packages}\n")
    owner = {"user": "www-data", "group": "www-data", "extra_groups": []} if os.geteuid() == 0 else {}
    environment = {"PYTHONPATH": str(root / "src"), "DJANGO_SETTINGS_MODULE": "mysite.settings", "PYTHONDONTWRITEBYTECODE": "1"}
    for arguments in (["migrate", "--verbosity", "0"], ["shell", "--command", PEOPLE]):
        subprocess.run([root / "venv" / "bin" / "python", "-m", "django", *arguments], check=True, cwd="/", env=environment, **owner)
    for folder in ("members", "staff"):
        server.write(f"srv/site/{folder}/page.html", "the page")
    return server.start()


def test_users_and_groups(site):
    def status(folder, *who):
        return site.get(f"/{folder}/page.html", basic(*who) if who else ()).status

    assert [status("members"), status("staff")] == [401, 401]
    assert [status(folder, "ann", "secret of ann") for folder in ("members", "staff")] == [200, 200]
    assert [status(folder, "ben", "secret of ben") for folder in ("members", "staff")] == [200, 401]
    assert [status(folder, "old", "secret of old") for folder in ("members", "staff")] == [401, 401]
    assert [status(folder, "ann", "secret of ben") for folder in ("members", "staff")] == [401, 401]
    assert status("members", "nobody", "secret of ann") == 401
    assert "Traceback" not in site.log()


def test_a_database_that_is_gone_refuses(site):
    (site.root / "data" / "site.sqlite3").write_bytes(b"no database at all" * 100)
    assert site.get("/members/page.html", basic("ann", "secret of ann")).status == 500
    assert "DatabaseError exception raised processing WSGI script" in site.log()
