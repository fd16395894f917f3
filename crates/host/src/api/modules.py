"""The modules `mod_wsgi` and `apache`, put together from the rest.

Of shim.py: `host`, `report`, `settings`, `sys`, `types`.
"""


class RequestTimeout(BaseException):
    """Raised in an application whose request has run longer than interrupt-timeout."""


def import_user_module(name):
    """A module of the application's environment that has the name of ours; None if there is none, or it is broken."""
    try:
        return __import__(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            report(error, f"the import of the package {name}")
    except BaseException as error:
        report(error, f"the import of the package {name}")
    return None


def keep_importable(module, package):
    """Submodules of a package with the name of ours (mod_wsgi.server, mod_wsgi.express) go on to be found."""
    if hasattr(package, "__path__"):
        module.__path__ = list(package.__path__)
    prefix = module.__name__ + "."
    for name, submodule in list(sys.modules.items()):
        if name.startswith(prefix) and "." not in name[len(prefix) :]:
            setattr(module, name[len(prefix) :], submodule)


def make_mod_wsgi():
    module = types.ModuleType("mod_wsgi")
    package = import_user_module("mod_wsgi")
    if package is not None:
        keep_importable(module, package)
    for thing in (
        RequestTimeout,
        FileWrapper,
        subscribe_events,
        subscribe_fork,
        subscribe_shutdown,
        subscribe_signals,
        start_recording_metrics,
        request_metrics,
        process_metrics,
        server_metrics,
    ):
        thing.__module__ = "mod_wsgi"
        setattr(module, thing.__name__, thing)
    module.request_data = host.request_data
    module.active_requests = active_requests
    module.event_callbacks = event_callbacks
    module.shutdown_callbacks = shutdown_callbacks
    module.signal_callbacks = signal_callbacks
    module.version = settings["version"]
    for name in ("process_group", "application_group", "maximum_processes", "threads_per_process"):
        setattr(module, name, settings[name])
    make_lazy(module, "LogHandler", log_handler)
    sys.modules["mod_wsgi"] = module


def make_lazy(module, name, make):
    """Gives a module an attribute that is made when it is first asked for."""
    names = module.__dict__

    def get(asked):
        if asked != name:
            raise AttributeError(f"module {module.__name__!r} has no attribute {asked!r}")
        return names.setdefault(name, make())

    def list_names():
        return sorted({*names, name} - {"__getattr__", "__dir__"})

    module.__getattr__, module.__dir__ = get, list_names


def make_apache():
    module = None if settings["process_group"] else import_user_module("apache")
    module = module or types.ModuleType("apache")
    module.version = settings["httpd_version"]
    module.description = settings["httpd_description"]
    module.build_date = settings["httpd_built"]
    module.mpm_name = settings["mpm_name"]
    module.maximum_processes = settings["mpm_processes"]
    module.threads_per_process = settings["mpm_threads"]
    sys.modules["apache"] = module
