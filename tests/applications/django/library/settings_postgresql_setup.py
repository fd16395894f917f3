"""As settings_postgresql.py, outside of httpd, where there is no module mod_wsgi to log with."""

from .settings_postgresql import *  # noqa: F403

LOGGING = {}
