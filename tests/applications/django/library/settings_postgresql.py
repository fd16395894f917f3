"""As settings.py, but the database is a PostgreSQL server whose socket is in `data`."""

from .settings import *  # noqa: F403
from .settings import STATE

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": str(STATE / "postgresql"),
        "NAME": "postgres",
        "USER": "admin",
        "ATOMIC_REQUESTS": True,
    }
}
