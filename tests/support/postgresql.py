"""A PostgreSQL server of the tests' own, in a folder, reached by a socket there; for the user whom applications run as."""

import glob
import os
import shutil
import subprocess

from . import library, processes


def programs():
    """The folder of PostgreSQL's programs, or None."""
    found = shutil.which("initdb")
    places = [os.path.dirname(os.path.realpath(found))] if found else sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    return next((place for place in places if os.path.exists(f"{place}/postgres")), None)


class PostgreSQL:
    """A running server."""

    def __init__(self, place):
        self.place, self.socket = place, place / "postgresql"
        self.socket.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.socket, "www-data", "www-data")
        self.settings = {"cwd": self.socket, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **library.owner()}
        self.files = self.socket / "data"
        subprocess.run([f"{programs()}/initdb", "-D", self.files, "-A", "trust", "-N", "-E", "UTF8", "--username", "admin"],
                       check=True, stdout=subprocess.DEVNULL, **self.settings)
        self.process = subprocess.Popen([f"{programs()}/postgres", "-D", self.files, "-k", self.socket, "-h", "", "-F"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.settings)
        processes.wait_until(lambda: self.query("SELECT 1") == "1", 30, "PostgreSQL")

    def query(self, text):
        """What a statement says."""
        return subprocess.run([f"{programs()}/psql", "-h", self.socket, "-U", "admin", "-d", "postgres", "-Atc", text],
                              capture_output=True, text=True, **self.settings).stdout.strip()

    def stop(self):
        """Ends it at once."""
        self.process.send_signal(3)
        self.process.wait(20)
