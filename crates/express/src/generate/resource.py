"""Answers for files with the extension of --add-handler, by the script of that option. Written by mod_wsgi-express."""

import os
import types

# Settings are written here.

MODULE = types.ModuleType("__wsgi_resource__")
MODULE.__file__ = ENTRY
LOADED = os.stat(ENTRY).st_mtime_ns
with open(ENTRY, "rb") as file:
    exec(compile(file.read(), ENTRY, "exec", dont_inherit=True), MODULE.__dict__)

handle_request = getattr(MODULE, "handle_request", None) or MODULE.application


def reload_required(resource):
    """Whether the script has changed, or wants to be loaded again itself."""
    asked = getattr(MODULE, "reload_required", None)
    return os.stat(ENTRY).st_mtime_ns != LOADED or bool(asked and asked(resource))
