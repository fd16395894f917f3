"""Every view by its name."""

from django.contrib import admin
from django.urls import path

from . import async_views, views

VIEWS = [views.form, views.upload, views.download, views.visits, views.books, views.add, views.fail, views.fail_late, views.slow_query,
         views.stream, views.stream_broken, views.signals, views.kept, views.log, views.subprocesses,
         async_views.together, async_views.count, async_views.astream, async_views.broken, async_views.program]

urlpatterns = [path("admin/", admin.site.urls), *(path(f"{view.__name__}/", view) for view in VIEWS)]
