"""Loads the application and answers what is no file. Written by mod_wsgi-express, anew at each start.

httpd takes the first part of the path for the name of a script, since no file is there: `handle_request` mends that.
"""

import importlib
import importlib.machinery
import os
import sys
import threading
import time
import traceback
import types

# Settings are written here.

os.environ["MOD_WSGI_EXPRESS"] = "true"
os.environ["MOD_WSGI_SERVER_NAME"] = SERVER_NAME
os.environ["MOD_WSGI_SERVER_ALIASES"] = " ".join(SERVER_ALIASES)
if RELOAD_ON_CHANGES:
    os.environ["MOD_WSGI_RELOADER_ENABLED"] = "true"
if DEBUG_MODE:
    os.environ["MOD_WSGI_DEBUG_MODE"] = "true"
if DEBUGGER:
    os.environ["MOD_WSGI_DEBUGGER_ENABLED"] = "true"


def welcome(environ, start_response):
    """What is served without an application."""
    page = b"""<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>mod_wsgi-express</title>
<body style="font-family: sans-serif; max-width: 40em; margin: 4em auto; line-height: 1.5">
<h1>The server works</h1>
<p>Start it with your application: <code>mod_wsgi-express start-server wsgi.py</code></p>
"""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))])
    return [page]


def load_script(path, name):
    """A script file as a module of its own."""
    module = types.ModuleType(name)
    module.__file__ = path
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def load():
    """The application."""
    if KIND == "welcome":
        return welcome
    if KIND == "paste":
        from paste.deploy import loadapp

        return loadapp("config:" + ENTRY)
    module = load_script(ENTRY, "__wsgi__") if KIND == "script" else importlib.import_module(ENTRY)
    found = module
    for name in CALLABLE.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            there = ", ".join(sorted(key for key, value in vars(module).items() if callable(value) and key[0] != "_"))
            raise AttributeError(
                f"{ENTRY} has no {CALLABLE}; it has {there or 'nothing that can be called'}: choose with --callable-object"
            ) from None
    return found


def modified(path):
    """The modification time of a file, or None."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


class Files:
    """The files that the application is made of, and what they were like when they were first seen."""

    def __init__(self):
        self.seen = {}
        if KIND in ("script", "paste"):
            self.seen[ENTRY] = modified(ENTRY)
        if RELOAD_ON_CHANGES:
            self.add_before_import()

    def add_before_import(self):
        """A module's file is looked at before it is read: what changes meanwhile is a change."""
        loader = importlib.machinery.SourceFileLoader
        path_stats = loader.path_stats

        def add_first(this, path):
            self.add(path)
            return path_stats(this, path)

        loader.path_stats = add_first

    def add(self, path):
        """Looks at a file from now on."""
        if path not in self.seen:
            self.seen[path] = modified(path)

    def changed(self):
        """The first of them that is not what it was, also a module's that was imported since."""
        if RELOAD_ON_CHANGES:
            for module in list(sys.modules.values()):
                path = getattr(module, "__file__", None)
                if isinstance(path, str):
                    self.add(path)
            reloader = sys.modules.get("mod_wsgi.express.reloader")
            for path in list(getattr(reloader, "tracked", ())):
                self.add(path)
        return next((path for path, then in list(self.seen.items()) if modified(path) != then), None)

    def add_those_of(self, error):
        """The files that an exception has come through: a module that fails is not among the imported ones."""
        if isinstance(error, SyntaxError) and error.filename:
            self.add(error.filename)
        for frame in traceback.extract_tb(error.__traceback__):
            self.add(frame.filename)


FILES = Files()
FAILURE = None
try:
    APPLICATION = load()
except Exception as error:
    # With --reload-on-changes the process stays and says at each request what is wrong, until a file is mended.
    if not RELOAD_ON_CHANGES:
        raise
    FILES.add_those_of(error)
    FAILURE = error
    traceback.print_exception(error)
FILES.changed()


def announce(path):
    """Says what has changed, and lets the other processes see it: they look at this script before each request."""
    print(f"{path} has changed, the application is loaded again", file=sys.stderr)
    if RELOAD_ON_CHANGES:
        try:
            os.utime(HANDLER)
        except OSError:
            pass  # of another user's; each process finds out for itself


def reload_required(resource):
    """Asked before each request but the first of a process: whether the application has to be loaded again."""
    path = FILES.changed()
    if path is not None:
        announce(path)
    return path is not None


def watch():
    """Looks for changes while nobody asks, and for processes that have served nobody yet."""
    while (path := FILES.changed()) is None:
        time.sleep(0.5)
    announce(path)


if RELOAD_ON_CHANGES:
    threading.Thread(target=watch, name="mod_wsgi-express reloader", daemon=True).start()


def relocate(environ):
    """Puts the path together again and takes it apart at the mount point."""
    script, rest = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
    if "mod_wsgi.mount_point" in environ:
        # A trusted proxy has said where the application is: SCRIPT_NAME is the proxy's, and what httpd took for it
        # is what the file's name has beyond the document root.
        root, file = environ.get("DOCUMENT_ROOT", ""), environ.get("SCRIPT_FILENAME", "")
        script = file[len(root.rstrip("/")) :] if file.startswith(root.rstrip("/") + "/") else ""
        path = script + rest
        environ["PATH_INFO"] = path[len(MOUNT) :] if path.startswith(MOUNT) else path
        return
    path = script + rest
    if path == MOUNT or path.startswith(MOUNT + "/"):
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = MOUNT, path[len(MOUNT) :]
    else:
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "", path


def handle_request(environ, start_response):
    """One request."""
    relocate(environ)
    if FAILURE is not None:
        raise FAILURE
    return APPLICATION(environ, start_response)


def debugged(application):
    """The application with Python's debugger, on the terminal, where an exception is not caught."""
    import pdb

    keys, screen = open("/dev/tty"), open("/dev/tty", "w", buffering=1)

    def call(environ, start_response):
        try:
            result = application(environ, start_response)
            try:
                yield from result
            finally:
                getattr(result, "close", lambda: None)()
        except Exception as error:
            traceback.print_exception(error, file=screen)
            debugger = pdb.Pdb(stdin=keys, stdout=screen)
            debugger.reset()
            debugger.interaction(None, error.__traceback__)
            raise

    if DEBUGGER == "start":
        pdb.Pdb(stdin=keys, stdout=screen).set_trace()
    return call


if DEBUGGER:
    APPLICATION = debugged(APPLICATION)
