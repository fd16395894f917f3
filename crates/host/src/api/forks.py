"""What an application that is loaded once and forked into the workers (preload=on) can do before and after.

Of shim.py: `MAIN_PID`, `host`, `os`, `report`, `sys`, `threading`.
"""

before_fork_callbacks, after_fork_callbacks = [], []


def subscribe_fork(*, before=None, after=None):
    """Calls before() where the application was loaded, each time a worker is to be forked, and after() in that worker."""
    for callback, callbacks in ((before, before_fork_callbacks), (after, after_fork_callbacks)):
        if callback is not None:
            if not callable(callback):
                raise TypeError(f"{callback!r} is not callable")
            callbacks.append(callback)


def freeze():
    """A collection that looks at old objects writes to them: it would make copies of the memory that workers share."""
    import gc

    gc.collect()
    gc.freeze()


def before_fork(own):
    """Runs the callbacks, the latest first. Returns what a copy of this process would break, in words."""
    for callback in before_fork_callbacks[::-1]:
        try:
            callback()
        except BaseException as error:
            report(error, "a function of subscribe_fork(before=...)")
    host.flush(False)
    host.flush(True)
    try:
        return [*live_threads(), *open_sockets({0, 1, 2, *own})]
    except FileNotFoundError:
        return ["what cannot be looked for, since there is no /proc (chroot=)"]


def after_fork():
    """Runs the callbacks. One that raises leaves the worker half made."""
    global MAIN_PID
    MAIN_PID = os.getpid()
    try:
        for callback in after_fork_callbacks:
            callback()
    except BaseException as error:
        report(error, "a function of subscribe_fork(after=...)")
        return False
    return True


def live_threads():
    """A thread that was joined may be seen for a moment, so a second look decides."""
    import time

    for _ in range(50):
        found = threads_of(set(os.listdir("/proc/self/task")))
        if not found:
            break
        time.sleep(0.002)
    return found


def threads_of(tasks):
    names = {str(thread.native_id): f"thread {thread.name!r}" for thread in threading.enumerate()}
    return [names.get(task) or native(task) for task in sorted(tasks - {str(threading.get_native_id())}, key=int)]


def native(task):
    """A thread that Python has not started, and maybe an end of one that it has."""
    try:
        with open(f"/proc/self/task/{task}/comm") as file:
            return f"native thread {file.read().strip()!r} (of a C library)"
    except OSError:
        return "a thread that is ending"


def open_sockets(own):
    found = []
    for number in sorted(int(name) for name in os.listdir("/proc/self/fd")):
        try:
            is_socket = os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
        except OSError:
            continue  # the folder that was listed
        if is_socket and number not in own:
            found.append(f"socket {number} ({addresses(number)})")
    return found


def addresses(number):
    import socket

    try:
        with socket.socket(fileno=os.dup(number)) as copy:
            ends = [shown(getter) for getter in (copy.getsockname, copy.getpeername)]
    except (OSError, ValueError):
        ends = ["", ""]
    words = [f"{word} {end}" for word, end in zip(("from", "to"), ends) if end]
    return " ".join(words) or "without an address"


def shown(getter):
    try:
        address = getter()
    except OSError:
        return ""  # not connected
    if isinstance(address, bytes):
        return os.fsdecode(address.replace(b"\0", b"@"))  # an abstract one
    if isinstance(address, tuple) and len(address) >= 2 and isinstance(address[0], str):
        return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
    return str(address)
