"""As settings.py, but sessions in files, connections that are kept, logging to stderr: the second site of a process."""

from .settings import *  # noqa: F403
from .settings import DATABASES, LOGGING, STATE

SESSION_ENGINE = "django.contrib.sessions.backends.file"
SESSION_FILE_PATH = STATE
DATABASES["default"]["CONN_MAX_AGE"] = 600
LOGGING["handlers"] = {"httpd": {"class": "logging.StreamHandler"}}
