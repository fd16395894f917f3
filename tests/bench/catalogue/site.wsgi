"""The WSGI script of the site."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ["DJANGO_SETTINGS_MODULE"] = "catalogue.settings"

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
