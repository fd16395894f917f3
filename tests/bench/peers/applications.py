"""Servers that are nothing but application servers: behind a front, on a Unix socket, or alone."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Uwsgi:
    """uWSGI, spoken to in its own protocol; the front writes the access log."""

    behind_front = True

    def command(self, site):
        """All settings are on the command line."""
        return [site.machine.program("uwsgi"), "--master", "--die-on-term", "--need-app", "--enable-threads",
                "--processes=2", "--threads=8", f"--socket={site.socket}", "--listen=1024", "--chmod-socket=666",
                "--disable-logging", f"--home={site.machine.home}", f"--pythonpath={site.machine.sites}",
                f"--wsgi-file={site.script}"]


@dataclasses.dataclass(frozen=True)
class Gunicorn:
    """gunicorn with threads; the front writes the access log."""

    behind_front = True

    def command(self, site):
        """All settings are on the command line."""
        return [site.machine.program("gunicorn"), "--worker-class=gthread", "--workers=2", "--threads=8",
                f"--bind=unix:{site.socket}", "--backlog=1024", "--keep-alive=75", "--log-level=warning",
                f"--chdir={site.machine.sites}", f"{site.application}:application"]


@dataclasses.dataclass(frozen=True)
class Granian:
    """granian, which speaks HTTP itself and so writes the access log too."""

    behind_front = False

    def command(self, site):
        """All settings are on the command line."""
        return [site.machine.program("granian"), "--interface=wsgi", "--host=127.0.0.1", f"--port={site.port}",
                "--http=1", "--workers=2", "--blocking-threads=8", "--runtime-threads=1", "--backlog=1024",
                "--access-log", "--log-level=warning", f"{site.application}:application"]
