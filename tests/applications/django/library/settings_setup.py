"""As settings.py, outside of httpd, where there is no module mod_wsgi to log with."""

from .settings import *  # noqa: F403

LOGGING = {}
