"""What the servers are asked for: three applications, and the virtual environment they run in."""

import os
import pathlib
import subprocess
import sys

from measure import Failure

HERE = pathlib.Path(__file__).resolve().parent
DJANGO = "Django>=5.2,<5.3"
NAMES = ["hello", "django", "stream"]
TITLES = {
    "hello": "Hello world (12 bytes)",
    "django": "A Django page (7 middlewares, one query over SQLite, a template of 20 rows)",
    "stream": "A generator of 16 × 64 KiB (1 MiB)",
}
EXPECTED = {
    "hello": lambda body: body == b"Hello world\n",
    "django": lambda body: body.count(b"<tr>") == 20,
    "stream": lambda body: len(body) == 1 << 20,
}


def prepare(setup, wanted):
    """Makes the virtual environment and the applications in the folder that httpd's user can read."""
    python = setup.home / "bin/python"
    if not python.exists():
        interpreter = system_python()
        call([interpreter, "-m", "venv", setup.home], "on Debian: apt-get install python3-venv")
    sites = setup.out / "sites"
    call(["cp", "-r", f"{HERE}/hello.wsgi", f"{HERE}/stream.wsgi", f"{HERE}/catalogue", fresh(sites)], "")
    if "django" in wanted:
        have = subprocess.run([python, "-c", "import django; print(django.VERSION[:2])"], text=True, capture_output=True)
        if have.stdout.strip() != "(5, 2)":
            call([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", DJANGO], "")
        call([python, "-m", "catalogue.fill"], "", cwd=sites)
    make_readable(sites)


def application(setup, load):
    sites = setup.out / "sites"
    return sites / ("catalogue/site.wsgi" if load == "django" else f"{load}.wsgi")


def system_python():
    """The Python that Debian's module was built for; elsewhere the one that runs this."""
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


def fresh(folder):
    call(["rm", "-rf", folder], "")
    folder.mkdir()
    return folder


def make_readable(folder):
    call(["chmod", "-R", "a+rX", folder], "")


def call(command, advice, **options):
    done = subprocess.run(command, text=True, capture_output=True, **options)
    if done.returncode != 0:
        shown = " ".join(map(str, command))
        raise Failure(f"`{shown}` failed: {done.stdout}{done.stderr}{advice}")
