"""Settings of the demo project. DEMO_STATE names the folder for the database, uploads and collected static files.

Without more it needs nothing else. In containers other variables name what they share: DEMO_SECRET_KEY or
DEMO_SECRET_KEY_FILE, DEMO_HOSTS (names, separated by commas), and the PostgreSQL of DEMO_DATABASE_HOST with the password
in DEMO_DATABASE_PASSWORD_FILE.
"""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

STATE = Path(os.environ["DEMO_STATE"]) / "data"


def secret_key():
    """A key of this installation: the one that was given, or one that is made once, the same in every process."""
    if given := os.environ.get("DEMO_SECRET_KEY"):
        return given
    if given := os.environ.get("DEMO_SECRET_KEY_FILE"):
        return Path(given).read_text(encoding="ascii").strip()
    file = STATE / "secret"
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as new:
            new.write(get_random_secret_key())
    return file.read_text(encoding="ascii")


def database():
    """SQLite in the folder, or the PostgreSQL that was named."""
    host = os.environ.get("DEMO_DATABASE_HOST")
    if host is None:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": STATE / "demo.sqlite3",
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": host,
        "NAME": os.environ.get("DEMO_DATABASE_NAME", "demo"),
        "USER": os.environ.get("DEMO_DATABASE_USER", "demo"),
        "PASSWORD": Path(os.environ["DEMO_DATABASE_PASSWORD_FILE"]).read_text(encoding="utf-8").strip(),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 30},
    }


SECRET_KEY = secret_key()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", *filter(None, os.environ.get("DEMO_HOSTS", "").split(","))]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "notes",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "demosite.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
WSGI_APPLICATION = "demosite.wsgi.application"
DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = STATE / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = STATE / "media"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
