"""What of connections and signals cannot be seen from a view."""

from django.core.signals import got_request_exception, request_finished, request_started
from django.db import connection

counts = dict.fromkeys(("started", "finished", "failed"), 0)


def counter(name):
    """A receiver that counts."""

    def receive(**_):
        counts[name] += 1

    return receive


for name, signal in (("started", request_started), ("finished", request_finished), ("failed", got_request_exception)):
    signal.connect(counter(name), weak=False, dispatch_uid=name)


def connections(get_response):
    """Notes whether a request finds the database connection open that its thread had in the request before."""

    def respond(request):
        request.kept = connection.connection is not None
        return get_response(request)

    return respond
