"""Fails while it is loaded."""


def inner():
    raise ImportError("broken on purpose")


inner()
