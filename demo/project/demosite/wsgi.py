"""The WSGI application of the demo project: the file that WSGIScriptAlias names.

The project lies in STATE/project and keeps what it writes in STATE/data.
"""

import os
from pathlib import Path

os.environ.setdefault("DEMO_STATE", str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demosite.settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402  (the settings must be named first)

application = get_wsgi_application()
