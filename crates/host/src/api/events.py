"""Who has subscribed to what, and how they are told.

Of shim.py: `describe`, `host`, `record`, `settings`, `sys`, the levels. Of modules.py: `RequestTimeout`.
"""

event_callbacks, shutdown_callbacks, signal_callbacks = [], [], []
active_requests = {}


def subscribe_events(callback, /):
    """Calls callback(name, **payload) at every event of this interpreter; a decorator."""
    event_callbacks.append(callback)
    host.observe()
    return callback


def subscribe_shutdown(callback, /):
    """Calls callback('process_stopping', shutdown_reason=...) when this process is about to end; a decorator."""
    shutdown_callbacks.append(callback)
    return callback


def subscribe_signals(callback, /):
    """Calls callback('process_signal', signame=..., signum=...) at SIGHUP and SIGUSR2 of a daemon process; a decorator."""
    if settings["process_group"]:
        signal_callbacks.append(callback)
    else:
        import traceback

        stack = "".join(traceback.format_stack(sys._getframe(1))).rstrip("\n")
        record(INFO, f"subscribe_signals has no effect: an embedded process gets no signals for applications\n{stack}")
    return callback


def publish(name, payload, further=()):
    """Calls the subscribers in order; a dictionary that one returns changes the payload for all that follow.

    Who subscribes meanwhile is told from the next event on. What a subscriber raises is logged, and the others go on;
    only a RequestTimeout belongs to the application, if that is running.
    """
    for callback in [*event_callbacks, *further]:
        try:
            change = callback(name, **payload)
            if isinstance(change, dict):
                payload.update(change)
        except BaseException as error:
            if isinstance(error, RequestTimeout) and name in ("request_started", "response_started"):
                raise
            kind, text = describe(error)
            ignored = "; ignored" if isinstance(error, SystemExit) else ""
            record(ERROR, f"{kind} exception raised by event callback for {name!r}{ignored}\n{text}")
    return payload


def stopping(reason):
    publish("process_stopping", {"shutdown_reason": reason}, shutdown_callbacks)


def signal_arrived(name, number):
    publish("process_signal", {"signame": name, "signum": number}, signal_callbacks)
