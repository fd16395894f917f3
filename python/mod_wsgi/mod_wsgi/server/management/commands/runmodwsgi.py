"""`manage.py runmodwsgi` for projects that have the older name in INSTALLED_APPS."""

from mod_wsgi.express.management.commands.runmodwsgi import Command

__all__ = ["Command"]
