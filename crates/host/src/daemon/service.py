"""Prepares a process without request threads: SIGTERM ends its script as sys.exit() would."""

import signal


def end(number, frame):
    raise SystemExit


signal.signal(signal.SIGTERM, end)
