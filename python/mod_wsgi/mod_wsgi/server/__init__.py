"""The older name of `mod_wsgi.express` for Django's INSTALLED_APPS."""

import warnings

warnings.warn("mod_wsgi.server is called mod_wsgi.express now: change INSTALLED_APPS", FutureWarning, stacklevel=2)
