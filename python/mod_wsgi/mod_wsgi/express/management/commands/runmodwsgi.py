"""`manage.py runmodwsgi`: serves this Django project by mod_wsgi-express, with the options of start-server.

The options are asked of the program itself, which has the one table of them. The application is that of
WSGI_APPLICATION; it is not imported here.
"""

import argparse
import json
import os
import subprocess
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from mod_wsgi.express import cli

WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
# What the project says itself.
OWN = ("--application-type", "--entry-point", "--callable-object")


def table():
    """The options of start-server."""
    try:
        return json.loads(subprocess.run([cli.program(), "options"], check=True, capture_output=True).stdout)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CommandError(f"mod_wsgi-express could not be asked for its options: {error}") from None


def destination(name):
    """The name of an option among those that Django hands over."""
    return name.lstrip("-").replace("-", "_")


class Command(BaseCommand):
    """The command."""

    help = "Serves this project by mod_wsgi-express: an httpd of its own, in the foreground."

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.options = [row for row in table() if row["name"] not in OWN]

    def add_arguments(self, parser):
        """One argument for each option; those that are not given are left to the program's own defaults."""
        groups = {}
        for row in self.options:
            heading = row["heading"] or "Other options"
            group = groups.setdefault(heading, None) or parser.add_argument_group(heading)
            groups[heading] = group
            group.add_argument(row["name"], **self.argument(row))

    @staticmethod
    def argument(row):
        """How argparse has to treat an option."""
        named = {"dest": destination(row["name"]), "default": argparse.SUPPRESS}
        if row["hidden"]:
            named["help"] = argparse.SUPPRESS
        else:
            default = f" (default: {row['default']})" if row["default"] is not None else ""
            named["help"] = (row["help"] + default).replace("%", "%%")
        if not row["values"]:
            return {**named, "action": "store_true"}
        if row["repeatable"]:
            named["action"] = "append"
        if len(row["values"]) > 1:
            return {**named, "nargs": len(row["values"]), "metavar": tuple(row["values"])}
        return {**named, "metavar": row["values"][0]}

    def arguments(self, given):
        """The command line of the program."""
        line = []
        for row in self.options:
            name, value = row["name"], given.get(destination(row["name"]))
            if value is None or value is False:
                continue
            if not row["values"]:
                line.append(name)
                continue
            for item in value if row["repeatable"] else [value]:
                words = item if len(row["values"]) > 1 else [item]
                line += [name, *map(str, words)] if len(words) > 1 else [f"{name}={words[0]}"]
        return line

    def project(self, given):
        """What the project's settings say."""
        application = getattr(settings, "WSGI_APPLICATION", None)
        if not application or "." not in application:
            raise CommandError("WSGI_APPLICATION has to name the application, as in mysite.wsgi.application")
        module, name = application.rsplit(".", 1)
        line = ["--application-type=module", f"--entry-point={module}", f"--callable-object={name}"]
        if not given.get("working_directory"):
            line.append(f"--working-directory={self.base()}")
        return line + self.static_files()

    @staticmethod
    def base():
        """The folder that the project is imported from."""
        base = getattr(settings, "BASE_DIR", None)
        if base:
            return os.fspath(base)
        package = sys.modules[settings.SETTINGS_MODULE.partition(".")[0]]
        folder = os.path.dirname(os.path.abspath(package.__file__))
        return os.path.dirname(folder) if hasattr(package, "__path__") else folder

    @staticmethod
    def static_files():
        """The files of collectstatic, unless the project serves them itself."""
        middleware = [*(getattr(settings, "MIDDLEWARE", None) or ()), *(getattr(settings, "MIDDLEWARE_CLASSES", None) or ())]
        url, root = str(settings.STATIC_URL or ""), str(settings.STATIC_ROOT or "")
        if WHITENOISE in middleware or not url.startswith("/") or not root:
            return []
        return ["--url-alias", url, root]

    def handle(self, *args, **given):
        """Becomes the program."""
        arguments = [*self.project(given), *self.arguments(given)]
        if given.get("setup_only"):
            result = subprocess.run([cli.program(), "setup-server", *arguments], env=cli.environment())
            if result.returncode:
                raise CommandError(f"mod_wsgi-express ended with status {result.returncode}", returncode=result.returncode)
            return
        cli.start(*arguments)
