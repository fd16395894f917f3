"""The machine: where httpd is, whom the servers run as, and the folder that everything is kept in."""

import dataclasses
import os
import pathlib
import pwd
import shutil
import subprocess

from bench.failure import Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]
APPLICATIONS = pathlib.Path(__file__).resolve().parent / "applications"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's modules are built for
USERS = ("www-data", "apache", "wwwrun", "http", "nobody")  # by distribution
FILES = {"hello": b"Hello world\n", "10MiB": bytes(10 << 20)}


@dataclasses.dataclass(frozen=True)
class Machine:
    """What was found here; `cache` holds what is made once: the virtual environment, copies of modules, applications."""

    httpd: str
    httpd_modules: pathlib.Path
    stage: pathlib.Path
    cache: pathlib.Path
    user: str | None  # whom servers are started as, when root runs this

    @classmethod
    def find(cls, stage, cache):
        """Looks around; fails without httpd."""
        apxs = os.environ.get("APXS") or shutil.which("apxs") or shutil.which("apxs2")
        if apxs is None:
            raise Failure("apxs is not installed; on Debian: apt-get install apache2-dev")
        httpd = f"{answer([apxs, '-q', 'SBINDIR'])}/{answer([apxs, '-q', 'PROGNAME'])}"
        if not os.access(httpd, os.X_OK):
            raise Failure(f"{httpd} is not there; on Debian: apt-get install apache2")
        user = unprivileged_user() if os.geteuid() == 0 else None
        cache = reachable(cache.resolve()) if user else cache.resolve()
        cache.mkdir(parents=True, exist_ok=True)
        return cls(httpd, pathlib.Path(answer([apxs, "-q", "LIBEXECDIR"])), stage.resolve(), cache, user)

    @property
    def home(self):
        """The virtual environment of the applications and of the peers from PyPI."""
        return self.cache / "venv"

    @property
    def sites(self):
        """The applications, where the servers' user can read them."""
        return self.cache / "sites"

    @property
    def files(self):
        """The document root of httpd's static files; the file wrapper sends from here too."""
        return self.sites / "files"

    def program(self, name):
        """A program of the virtual environment."""
        return str(self.home / "bin" / name)

    def make_home(self):
        """Makes the virtual environment, once."""
        if not (self.home / "bin/python").exists():
            python = SYSTEM_PYTHON if os.access(SYSTEM_PYTHON, os.X_OK) else "python3"
            call([python, "-m", "venv", self.home], "on Debian: apt-get install python3-venv")

    def lay_out_sites(self, django):
        """Lays out the applications and files anew; the site of Django with its database."""
        shutil.rmtree(self.sites, ignore_errors=True)
        shutil.copytree(APPLICATIONS, self.sites, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3"))
        self.files.mkdir()
        for name, content in FILES.items():
            (self.files / name).write_bytes(content)
        if django:
            call([self.program("python"), "-m", "catalogue.fill"], cwd=self.sites)
        call(["chmod", "-R", "a+rX", self.sites])


def unprivileged_user():
    """The user that the distribution runs httpd as."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    found = next((name for name in USERS if name in known), None)
    if found is None:
        raise Failure(f"found no unprivileged user for the servers ({', '.join(USERS)})")
    return found


def reachable(folder):
    """`folder`, or one in /tmp when another user could not enter it."""
    for parent in (folder, *folder.parents):
        if parent.exists() and not parent.stat().st_mode & 0o001:
            return pathlib.Path("/tmp/mod_wsgi-bench")
    return folder


def answer(command):
    """What a command prints, without the end of line; nothing if it cannot be run."""
    try:
        return subprocess.run(command, text=True, capture_output=True).stdout.strip()
    except OSError:
        return ""


def call(command, advice="", **options):
    """Runs a command that has to succeed."""
    done = subprocess.run(command, text=True, capture_output=True, **options)
    if done.returncode != 0:
        shown = " ".join(map(str, command))
        raise Failure(f"`{shown}` failed: {(done.stdout + done.stderr).strip()[-1500:]} {advice}".strip())
