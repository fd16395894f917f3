"""The WSGI application of the site; servers load it as a script or as a module."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ["DJANGO_SETTINGS_MODULE"] = "catalogue.settings"

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
