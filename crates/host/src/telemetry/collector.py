"""Watches the garbage collector of one interpreter, for the reports of telemetry.

Run once in each interpreter if telemetry is configured. `take()` is called from Rust (gc.rs), which reads the bytes.
"""

import gc
from collections import deque
from struct import pack
from time import perf_counter, time

RING = 256
AT_ONCE = 64

events = deque()
begun = None
dropped = 0


def watch(phase, info):
    """Called by the collector, which never runs twice at a time in one interpreter."""
    global begun, dropped
    if phase == "start":
        begun = time(), perf_counter()
        return
    if begun is None:  # it ran while this was set up
        return
    (start, since), begun = begun, None
    if len(events) >= RING:
        dropped += 1
    else:
        events.append((start, perf_counter() - since, info["generation"], info["collected"], info["uncollectable"]))


def three(values):
    """Of three generations, however many this Python has."""
    return (list(values) + [0, 0, 0])[:3]


def take():
    """The collector's state, and then its latest collections; those are handed out once."""
    stats = gc.get_stats()
    state = three(gc.get_count()) + three(gc.get_threshold())
    for name in ("collections", "collected", "uncollectable"):
        state += three(generation[name] for generation in stats)
    state += [gc.isenabled(), gc.get_freeze_count(), dropped]
    taken = [events.popleft() for _ in range(min(len(events), AT_ONCE))]
    return pack("<18Q", *(max(0, number) for number in state)) + b"".join(pack("<2d3Q", *event) for event in taken)


gc.callbacks.append(watch)
