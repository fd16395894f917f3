"""The WSGI application with library.settings_postgresql."""

import os

# Assigned, not setdefault(): interpreters of one process share the process's environment.
os.environ["DJANGO_SETTINGS_MODULE"] = "library.settings_postgresql"

from django.core.wsgi import get_wsgi_application  # noqa: E402  (the settings must be named first)

application = get_wsgi_application()
