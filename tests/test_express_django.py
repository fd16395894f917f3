"""Django's runmodwsgi, with the demo project (python/mod_wsgi/README.md, docs/express.md): the package mod_wsgi is in INSTALLED_APPS, the program does the rest."""

import json
import os
import re
import shutil
import subprocess

import pytest
from support import httpd
from support.express import program

pytestmark = pytest.mark.ours
PACKAGE = httpd.REPOSITORY / "python" / "mod_wsgi" / "mod_wsgi"
SETTINGS = '''"""The demo's settings, with the command."""
from demosite.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "{app}"]
'''


@pytest.fixture(params=["mod_wsgi.express", "mod_wsgi.server"])
def app(request):
    """The name in INSTALLED_APPS."""
    return request.param


@pytest.fixture
def project(express, packages, app):
    """The demo project in the server's folder, migrated and with its static files collected."""
    shutil.copytree(httpd.REPOSITORY / "demo" / "project", express.folder / "project", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PACKAGE, express.folder / "packages" / "mod_wsgi", ignore=shutil.ignore_patterns("__pycache__"))
    (express.folder / "state" / "data" / "media").mkdir(parents=True)
    express.write("project/express_settings.py", SETTINGS.format(app=app))
    owner = "www-data" if express.user == "root" else express.user
    for folder in (express.folder / "project", express.folder / "packages", express.folder / "state"):
        subprocess.run(["chown", "-R", owner, str(folder)], check=os.geteuid() == 0)
    express.more = {"DEMO_STATE": str(express.folder / "state"), "DJANGO_SETTINGS_MODULE": "express_settings",
                    "PYTHONPATH": f"{express.folder}/packages:{packages}", "MOD_WSGI_EXPRESS": program(),
                    "PYTHONDONTWRITEBYTECODE": "1"}
    for line in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]):
        result = manage(express, *line)
        assert result.returncode == 0, result.stderr
    subprocess.run(["chown", "-R", owner, str(express.folder / "state")], check=os.geteuid() == 0)
    return express


def line_of(*words):
    """manage.py."""
    return ["/usr/bin/python3", "project/manage.py", *words]


def manage(express, *words):
    """manage.py to its end."""
    return express.run(*line_of(*words), **express.more)


def options(express):
    """What the tests' server needs."""
    identity = ["--user", "www-data"] if express.user == "root" else []
    return ["--port", str(express.port), "--python-path", str(express.folder / "packages"), *identity,
            *(word for folder in express.more["PYTHONPATH"].split(":") for word in ("--python-path", folder))]


def test_runmodwsgi(project, app):
    project.launch(line_of("runmodwsgi", *options(project), "--processes", "2"), **project.more)
    assert project.process.poll() is None, project.output()
    page = project.get("/")
    assert page.status == 200 and "There is no note yet" in page.text
    assert project.get("/static/notes/style.css").status == 200
    conf = project.conf()
    assert f"home={project.folder}/project" in conf and " processes=2 " in conf
    handler = (project.root / "handler.wsgi").read_text()
    assert 'KIND = "module"' in handler and 'ENTRY = "demosite.wsgi"' in handler
    assert ("FutureWarning" in project.out.read_text()) is (app == "mod_wsgi.server")
    project.stop()


def test_setup_only_and_help(project):
    result = manage(project, "runmodwsgi", *options(project), "--setup-only", "--setenv", "OWN_A", "b", "--setenv", "OWN_C", "d e")
    assert result.returncode == 0, result.stderr
    assert "Control Script" in result.stdout and not project.is_bound()
    assert "SetEnv OWN_A b" in project.conf() and 'SetEnv OWN_C "d e"' in project.conf()
    shown = manage(project, "runmodwsgi", "--help").stdout
    known = json.loads(project.run(program(), "options").stdout)
    assert all(row["name"] in shown for row in known if not row["hidden"]
               and row["name"] not in ("--application-type", "--entry-point", "--callable-object"))


def test_a_configuration_error_is_a_command_error(project):
    result = manage(project, "runmodwsgi", *options(project), "--setup-only", "--https-port", "8443")
    assert result.returncode == 1 and "--https-port needs a certificate" in result.stderr
    assert "CommandError: mod_wsgi-express ended with status 1" in result.stderr
    result = manage(project, "runmodwsgi", "--no-such-option")
    assert result.returncode == 2 and "--no-such-option" in result.stderr


def test_whitenoise_keeps_its_files(project):
    """The project serves static files itself: there is no alias."""
    settings = project.folder / "project" / "express_settings.py"
    settings.write_text(settings.read_text() + 'MIDDLEWARE = [*MIDDLEWARE, "whitenoise.middleware.WhiteNoiseMiddleware"]\n')
    assert manage(project, "runmodwsgi", *options(project), "--setup-only").returncode == 0
    assert "Alias" not in project.conf()


def test_without_the_program(project):
    project.more = {**project.more, "MOD_WSGI_EXPRESS": "/nothing/mod_wsgi-express"}
    result = manage(project, "runmodwsgi", *options(project))
    assert result.returncode == 1 and "could not be asked for its options" in result.stderr


def test_the_diagnostic_applications(express):
    shutil.copytree(PACKAGE, express.folder / "packages" / "mod_wsgi", ignore=shutil.ignore_patterns("__pycache__"))
    express.start("mod_wsgi.diagnostics.hello", "--application-type", "module", "--python-path", express.folder / "packages",
                  "--url-alias", "/none", express.folder)
    assert express.get().text == "Hello World!"
    express.stop()
    express.start("mod_wsgi.diagnostics.environ", "--application-type", "module", "--python-path", express.folder / "packages")
    assert re.search(r"^mod_wsgi.process_group: 'localhost:\d+'$", express.get().text, re.M)


def test_start_from_python(express):
    """mod_wsgi.express.cli.start."""
    shutil.copytree(PACKAGE, express.folder / "packages" / "mod_wsgi", ignore=shutil.ignore_patterns("__pycache__"))
    code = "import sys\nfrom mod_wsgi.express import cli\ncli.start(*sys.argv[1:])\n"
    arguments = express.arguments("start-server", ["wsgi.py"])[2:]
    express.launch(["/usr/bin/python3", "-c", code, *arguments], MOD_WSGI_EXPRESS=program(), PYTHONPATH=str(express.folder / "packages"))
    assert express.process.poll() is None, express.output()
    assert express.get().status == 200
    express.stop()
    assert express.process.returncode == 0
