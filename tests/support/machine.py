"""A machine to try the documents on: this one, with its files copied on writing, its own users, processes and loopback.

Needs root and the right to make namespaces and overlays; where that is missing [`why_not`] says so. `$ sudo …` is run as
root and everything else as the ordinary user `ada`, so a document that forgets a `sudo` fails. What a command leaves
for the next are its folder and its exported variables, as in one terminal.
"""

import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import httpd, pythons, wheels
from .blocks import ROOT

NAMESPACES = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
SHELL = """cd; . /run/machine/state-{user} 2>/dev/null
{command}
status=$?
{{ printf 'cd %q\\n' "$PWD"; export -p; }} >/run/machine/state-{user}
exit $status
"""


@functools.cache
def why_not():
    """What such a machine lacks here; None if there can be one."""
    if os.geteuid() != 0:
        return "needs root"
    if not Path("/etc/apache2/mods-available").is_dir():
        return "needs httpd as Debian packages it"
    missing = [name for name in ("unshare", "nsenter", "setpriv", "ip", "useradd", "runuser", "curl", "openssl") if not shutil.which(name)]
    if missing:
        return f"needs {', '.join(missing)}"
    with tempfile.TemporaryDirectory() as place:
        test = f"mount -t tmpfs none {place} && mkdir {place}/a {place}/b {place}/c && " \
               f"mount -t overlay overlay -o lowerdir=/,upperdir={place}/a,workdir={place}/b {place}/c"
        result = subprocess.run([*NAMESPACES, "sh", "-c", test], capture_output=True, text=True)
        return f"namespaces and overlays are forbidden here: {result.stderr.strip()}" if result.returncode else None


class Machine:
    """Made at the beginning of a page, thrown away at its end."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mod_wsgi-test-machine-", dir=httpd.SCRATCH))
        self.log = open(self.folder / "log", "w+b")
        place = self.folder / "root"
        place.mkdir()
        arguments = [place, httpd.module().parent, ROOT, wheels.folder()]
        self.process = subprocess.Popen([*NAMESPACES, ROOT / "tests/support/machine_start", *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        if self.process.stdout.readline() != "ready\n":
            said = (self.folder / "log").read_text()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise AssertionError(f"the machine does not start:\n{said}")
        self.first = int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])
        links = [f"[ -e /usr/bin/python3.{minor} ] || ln -sf {prefix}/bin/python3.{minor} /usr/local/bin"
                 for minor, prefix in pythons.installed().items()]
        self.root("\n".join(["chmod 1777 /run/machine", *links]))
        self.front = None

    def discard(self):
        """Ends it with all of its processes; its files were in memory."""
        os.kill(self.first, signal.SIGKILL)
        self.process.wait(20)
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _line(self, words, user="root", **variables):
        inside = ["nsenter", f"--target={self.first}", "--mount", "--net", "--pid", "--uts", "--ipc", "--root", "--wd"]
        account = [] if user == "root" else ["runuser", "-u", user, "--"]
        home = "/root" if user == "root" else f"/home/{user}"
        plain = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": home, "USER": user,
                 "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/run/machine/wheels", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                 "PIP_ROOT_USER_ACTION": "ignore", "PYTHONDONTWRITEBYTECODE": "1"}
        return [*inside, "env", "-i", *(f"{name}={value}" for name, value in {**plain, **variables}.items()), *account, *words]

    def root(self, script):
        """A script of the tests themselves, not of a document."""
        result = subprocess.run(self._line(["bash", "-ec", script]), capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def write(self, path, text, mode="644"):
        """A file of a document, made by whom the folder belongs to."""
        script = 'd=$1; while [ ! -d "$d" ]; do d=$(dirname "$d"); done; exec runuser -u "$(stat -c %U "$d")" -- ' \
                 'sh -c \'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"\' sh "$1" "$2"'
        words = ["sh", "-c", script, "sh", path.replace("~", "/home/ada", 1), mode]
        subprocess.run(self._line(words), input=text, text=True, check=True, timeout=30)

    def shell(self, command, *, front=False):
        """The words that run a command of a document; in front, its process id is noted."""
        user, words, found = "ada", ["setsid", "--wait"] if front else [], re.match(r"sudo (?:-u (\S+) )?", command)
        noted = "echo $BASHPID >/run/machine/front; exec " if front else ""
        if found:
            assert not re.search(r"[|<>]|&&", command[found.end():]), f"sudo stands for one program only: {command}"
            # sudo keeps the folder of who calls it and nothing else.
            folder = self.root("sed -n 's/^cd //p' /run/machine/state-ada 2>/dev/null || true").strip() or "/home/ada"
            program = re.sub(r"(?<=\s)~/", "/home/ada/", command[found.end():])  # as the user's shell expands it
            return self._line([*words, "bash", "-c", f"cd {folder}; {noted}{program}"], user=found[1] or "root")
        return self._line([*words, "bash", "-c", SHELL.format(user=user, command=noted + command)], user=user)

    def run(self, command, timeout=600):
        """(status, what it printed) of one command."""
        with tempfile.TemporaryFile("w+") as out:
            # Not a pipe: what the command leaves running would keep it open.
            result = subprocess.run(self.shell(command), stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=timeout)
            out.seek(0)
            return result.returncode, out.read()

    def start_in_front(self, command, url, timeout=120):
        """Starts a command that goes on, and waits until a URL answers."""
        with tempfile.TemporaryFile("w+") as out:
            self.front = subprocess.Popen(self.shell(command, front=True), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            end = time.monotonic() + timeout
            while self.run(f"curl --silent --fail --insecure --output /dev/null {url}")[0] != 0:
                if self.front.poll() is not None or time.monotonic() > end:
                    out.seek(0)
                    raise AssertionError(f"{url} does not answer:\n{out.read()}")
                time.sleep(0.2)

    def stop_front(self):
        """Ends that command as Ctrl-C does."""
        if self.front and self.front.poll() is None:
            self.root("kill -INT -- -$(cat /run/machine/front); rm /run/machine/front")
            self.front.wait(30)
        self.front = None
