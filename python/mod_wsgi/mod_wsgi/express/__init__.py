"""mod_wsgi-express for Python code: a Django application with the command runmodwsgi, and what applications may call."""
