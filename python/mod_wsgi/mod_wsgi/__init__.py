"""Helpers that are installed beside an application. Within httpd the module of this name has more: see docs/python-api.md."""
