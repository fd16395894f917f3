"""The Django project of tests/applications/django on a server: its files, tables, administrator and static files."""

import os
import shutil
import subprocess
from pathlib import Path

from . import validated
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
    shutil.copytree(PROJECT, server.root / "django", ignore=shutil.ignore_patterns("__pycache__"))
    server.write("valid/application.py", validated.script(server.root / "django" / "application.py"))
    prepare(server, packages, "static")
    return server


def prepare(server, packages, *arguments, **environment):
    """Makes tables and an administrator with the same Python that httpd's is."""
    subprocess.run(["/usr/bin/python3", server.root / "django" / "prepare.py", *arguments], check=True, cwd="/", **owner(), env={
        "DJANGO_SETTINGS_MODULE": "library.settings_setup", "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1", **environment})


def owner():
    """For subprocess: the user whom applications run as."""
    return {"user": "www-data", "group": "www-data", "extra_groups": []} if os.geteuid() == 0 else {}
