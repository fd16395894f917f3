"""Books in the admin."""

from django.contrib import admin

from .models import Book

admin.site.register(Book, search_fields=["title"])
