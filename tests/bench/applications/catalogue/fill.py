"""Makes the database: python -m catalogue.fill"""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "catalogue.settings"
django.setup()

from django.core.management import call_command

from catalogue.models import Article

call_command("migrate", run_syncdb=True, verbosity=0)
Article.objects.all().delete()
Article.objects.bulk_create(Article(title=f"Article {n:03}", price=n, stock=n % 10) for n in range(200))
