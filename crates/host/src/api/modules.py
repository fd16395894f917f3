"""The modules `mod_wsgi` and `apache`, put together from the rest.

Of shim.py: `host`, `report`, `settings`, `sys`, `types`.
"""


class RequestTimeout(BaseException):
    """Raised in an application whose request has run longer than interrupt-timeout."""


def make_mod_wsgi():
    module = types.ModuleType("mod_wsgi")
    try:
        import mod_wsgi as package  # for mod_wsgi.server and its like

        module.__path__ = list(package.__path__)
    except ModuleNotFoundError as error:
        if error.name != "mod_wsgi":
            report(error, "the package mod_wsgi")
    except Exception as error:
        report(error, "the package mod_wsgi")

    def lazily(name):  # importing logging takes milliseconds, and few applications want it from here
        if name == "LogHandler":
            module.LogHandler = log_handler()
            return module.LogHandler
        raise AttributeError(f"module 'mod_wsgi' has no attribute {name!r}")

    module.__getattr__ = lazily
    for thing in (RequestTimeout, FileWrapper, subscribe_events, subscribe_shutdown, subscribe_signals):
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
    sys.modules["mod_wsgi"] = module


def make_apache():
    module = None
    if not settings["process_group"]:
        try:
            import apache as module
        except ModuleNotFoundError:
            pass
        except Exception as error:
            report(error, "the module apache")
    module = module or types.ModuleType("apache")
    module.version = settings["httpd_version"]
    module.description = settings["httpd_description"]
    module.mpm_name = settings["mpm_name"]
    module.maximum_processes = settings["maximum_processes"]
    module.threads_per_process = settings["threads_per_process"]
    sys.modules["apache"] = module
