"""Who has subscribed to what, and how they are told.

Of shim.py: `record`, `report`, `settings`, `sys`.
"""

event_callbacks, shutdown_callbacks, signal_callbacks = [], [], []
active_requests = {}


def subscribe_events(callback):
    event_callbacks.append(callback)
    return callback


def subscribe_shutdown(callback):
    shutdown_callbacks.append(callback)
    return callback


def subscribe_signals(callback):
    if settings["process_group"]:
        signal_callbacks.append(callback)
    else:
        import traceback

        stack = "".join(traceback.format_stack(sys._getframe(1))).rstrip("\n")
        record(INFO, f"subscribe_signals has no effect: an embedded process gets no signals for applications\n{stack}")
    return callback


def publish(name, payload, further=()):
    """Calls the subscribers in order; a dictionary that one returns changes the payload for all that follow."""
    for callback in [*event_callbacks, *further]:
        try:
            change = callback(name, **payload)
            if isinstance(change, dict):
                payload.update(change)
        except BaseException as error:
            report(error, f"a subscriber of the event {name}")
    return payload


def stopping(reason):
    publish("process_stopping", {"shutdown_reason": reason}, shutdown_callbacks)


def signal_arrived(name, number):
    publish("process_signal", {"signame": name, "signum": number}, signal_callbacks)
