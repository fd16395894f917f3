"""Makes the tables, an administrator and, when asked for `static`, the static files. The settings come from the environment."""

import sys

import django
from django.core.management import call_command

django.setup()
call_command("migrate", run_syncdb=True, verbosity=0)

from django.contrib.auth.models import User  # noqa: E402  (models need the set-up)

User.objects.create_superuser("admin", "admin@example.com", "secret")
if "static" in sys.argv:
    call_command("collectstatic", interactive=False, verbosity=0)
