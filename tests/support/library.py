"""The Django project of tests/applications/django on a server: its files, tables, administrator and static files."""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import httpd, validated
from .server import Server

PROJECT = Path(__file__).resolve().parents[1] / "applications" / "django"
CONF = """
Alias /static/ ${{ROOT}}/data/static/
WSGIPythonPath {packages}:${{ROOT}}/django
WSGIScriptAlias /db ${{ROOT}}/django/application.py
WSGIScriptAlias /files ${{ROOT}}/django/application_files.py
WSGIScriptAlias /valid ${{ROOT}}/valid/application.py
"""


def make(packages, conf="", **settings):
    """A server, not yet started: sessions in the database at /db, in files at /files; /valid is /db below the validator."""
    server = Server(conf + CONF.format(packages=packages), **settings)
    for folder in ("django", "data"):
        shutil.copytree(prepared(packages) / folder, server.root / folder, copy_function=_copy, dirs_exist_ok=True)
    server.write("valid/application.py", validated.script(server.root / "django" / "application.py"))
    return server


@functools.cache
def prepared(packages):
    """A folder with the project and what it needs to run."""
    place = Path(tempfile.mkdtemp(prefix="mod_wsgi-test-library-", dir=httpd.SCRATCH))
    httpd.COPIES.append(place)
    place.chmod(0o755)
    shutil.copytree(PROJECT, place / "django", ignore=shutil.ignore_patterns("__pycache__"))
    (place / "data").mkdir()
    if os.geteuid() == 0:
        shutil.chown(place / "data", "www-data", "www-data")
    prepare(place, packages, "static")
    return place


def prepare(place, packages, *arguments, settings="library.settings_setup"):
    """Makes tables and an administrator, with the Python that httpd's is."""
    subprocess.run(["/usr/bin/python3", place / "django" / "prepare.py", *arguments], check=True, cwd="/", **owner(), env={
        "DJANGO_SETTINGS_MODULE": settings, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"})


def _copy(source, target):
    shutil.copy2(source, target)
    os.chown(target, os.stat(source).st_uid, os.stat(source).st_gid)


def owner():
    """For subprocess: the user whom applications run as."""
    return {"user": "www-data", "group": "www-data", "extra_groups": []} if os.geteuid() == 0 else {}
