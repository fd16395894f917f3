"""The functions of `mod_wsgi` that answer with numbers. All interpreters of a process share them.

Of shim.py: `host`, `settings`.
"""


def start_recording_metrics():
    """Begins to record what request_metrics() and process_metrics() tell. Further calls do nothing."""
    host.start_recording()


def request_metrics():
    """What has happened since the last call, or since recording began; None when it is not recorded."""
    return host.request_metrics(settings["threads_per_process"], not settings["process_group"])


def process_metrics():
    """What this process has done and used since it began; None when nothing is recorded."""
    return host.process_metrics()


def server_metrics():
    """The processes and threads of httpd; None unless the administrator allows it."""
    return host.server_metrics()
