"""How Django calls the application."""

from django.apps import AppConfig


class NotesConfig(AppConfig):
    name = "notes"
