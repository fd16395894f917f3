"""The program mod_wsgi-express, from Python code: where it is, and to become it."""

import os
import shutil
import sys
import sysconfig
from typing import NoReturn


def program() -> str:
    """The program: $MOD_WSGI_EXPRESS, the one beside this Python, or the one in PATH."""
    given = os.environ.get("MOD_WSGI_EXPRESS")
    beside = os.path.join(sysconfig.get_path("scripts"), "mod_wsgi-express")
    found = given or (beside if os.access(beside, os.X_OK) else shutil.which("mod_wsgi-express"))
    if not found:
        raise FileNotFoundError("mod_wsgi-express is neither beside this Python nor in PATH: install it, "
                                "or name it with the environment variable MOD_WSGI_EXPRESS")
    return found


def environment() -> dict[str, str]:
    """The environment for it: the application is to run in this Python, unless an option names another."""
    return {**os.environ, "VIRTUAL_ENV": sys.prefix}


def start(*arguments: str) -> NoReturn:
    """Becomes `mod_wsgi-express start-server` with arguments: it does not return."""
    line = [program(), "start-server", *arguments]
    os.execve(line[0], line, environment())
