"""A container engine, through its command: images for a test, containers of them, and what they say."""

import functools
import json
import shutil
import subprocess
import uuid
from pathlib import Path

from .http import Connection, Cut
from .processes import wait_until

ROOT = Path(__file__).resolve().parents[2]
READ_ONLY = ["--read-only", "--tmpfs", "/run/mod_wsgi:mode=1777", "--tmpfs", "/tmp", "--cap-drop", "ALL",
             "--security-opt", "no-new-privileges"]


def docker(*words, check=True, **settings):
    """Runs `docker …`; what it printed."""
    result = subprocess.run(["docker", *map(str, words)], capture_output=True, text=True, **settings)
    assert not check or result.returncode == 0, f"docker {words}: {result.stderr[-3000:]}"
    return result


@functools.cache
def missing():
    """What is not there that a container needs, or None."""
    if shutil.which("docker") is None:
        return "THERE IS NO docker HERE: the image cannot be tested"
    if docker("version", check=False).returncode != 0:
        return "NO CONTAINER ENGINE ANSWERS HERE: the image cannot be tested"
    return None


def has_image(name):
    """Whether the engine has this image."""
    return docker("image", "inspect", name, check=False).returncode == 0


class Container:
    """One container of an image, whose ports are published at free ones of this machine."""

    def __init__(self, image, *options, command=()):
        ports = ["--publish", "127.0.0.1::8080", "--publish", "127.0.0.1::8081"]
        self.name = f"mod_wsgi-test-{uuid.uuid4().hex[:12]}"
        docker("run", "--detach", "--name", self.name, *ports, *options, image, *command)

    @property
    def port(self):
        """The site's port."""
        return self.published(8080)

    @functools.cache
    def published(self, port):
        """Where a port of the container is reached."""
        return int(docker("port", self.name, port).stdout.splitlines()[0].rpartition(":")[2])

    def state(self, what):
        """A part of what `docker inspect` says."""
        return json.loads(docker("inspect", "--format", f"{{{{json .State.{what}}}}}", self.name).stdout)

    def get(self, path, headers=(), port=8080):
        """One request."""
        with Connection(self.published(port)) as client:
            return client.request("GET", path, headers)

    def serving(self):
        """Waits until the site answers."""
        def answers():
            try:
                return self.get("/").status == 200
            except (OSError, Cut):
                assert self.state("Running"), self.logs()
                return False
        wait_until(answers, 60, "the site in the container", 0.2)
        return self

    def logs(self):
        """What it has written to stdout and to stderr."""
        result = docker("logs", self.name)
        return result.stdout, result.stderr

    def signal(self, name):
        """Sends a signal to its first process."""
        docker("kill", "--signal", name, self.name)

    def ended(self, timeout=60):
        """Its exit status, once it has ended."""
        wait_until(lambda: not self.state("Running"), timeout, "the end of the container", 0.1)
        return self.state("ExitCode")

    def remove(self):
        """Ends and removes it."""
        docker("rm", "--force", "--volumes", self.name, check=False)
