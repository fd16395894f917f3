"""How an interpreter is made ready, and how it ends.

Run once in each interpreter, and then, in the same namespace, the sources of crates/host/src/api: what the application
sees. `host` holds a few Rust functions (api/functions.rs), `settings` plain values (shim.rs). Log levels are httpd's
numbers. In the end `set_up()` is called.
"""

import atexit
import os
import sys
import threading
import types

CRIT, ERROR, WARN, NOTICE, INFO, DEBUG = 2, 3, 4, 5, 6, 7
MAIN_PID = os.getpid()


# Tracebacks


def record(level, text, file="", line=0):
    host.record(level, text, file, line)


# What is said by extension modules that cannot be used in this interpreter: CPython, PyO3 and nanobind; Cython; NumPy; PyO3.
ONLY_ONE_INTERPRETER = (
    "subinterpreter",
    "into one interpreter per process",
    "more than once per process",
    "once per interpreter process",
)


def chain(error):
    """An exception and those that led to it."""
    seen = []
    while error is not None and all(error is not other for other in seen):  # the application may define ==
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def remedy(error):
    """What to change if an exception comes of what an extension allows to one interpreter only."""
    texts = [str(cause) for cause in chain(error) if isinstance(cause, (ImportError, RuntimeError))]
    if not any(phrase in text for text in texts for phrase in ONLY_ONE_INTERPRETER):
        return ""
    if not settings["application_group"]:
        return (
            "; another application of this process has loaded it first, in a sub-interpreter: "
            "add `WSGIApplicationGroup %{GLOBAL}` there, too, or give each a process group of its own"
        )
    own = " (or `WSGIPerInterpreterGIL Off`, if it works with a shared GIL)" if settings["own_gil"] else ""
    return (
        "; it does not work in the sub-interpreter of application group "
        f"'{settings['application_group']}': add `WSGIApplicationGroup %{{GLOBAL}}`{own}"
    )


def describe(error):
    """The type's name of an exception and its whole traceback, without our own frames; in the end what to change."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith("<mod_wsgi"):
        trace = trace.tb_next
    try:
        import traceback

        lines = traceback.TracebackException(type(error), error, trace).format()
        return type(error).__name__, "".join(lines).rstrip("\n") + remedy(error)
    except Exception as second:  # a broken __str__ or __repr__ of the application's; no memory; no file can be opened
        return type(error).__name__, bare(error, trace, second)


def bare(error, trace, second):
    """A traceback that needs next to nothing: files, lines and functions, and the exception as far as it can be had."""
    lines = [f"(the traceback is short, since formatting it raised {type(second).__name__})"]
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}')
        trace = trace.tb_next
    try:
        lines.append(f"{type(error).__name__}: {error}")
    except Exception:
        lines.append(type(error).__name__)
    return "\n".join(lines)


def report(error, what):
    """Logs an exception that has nowhere else to go."""
    name, text = describe(error)
    record(ERROR, f"{name} exception raised by {what}\n{text}")


# Scripts


def load(path, mtime):
    """Runs a script as a new module and returns its namespace. What it raises goes to the caller, and nothing stays."""
    try:
        from _md5 import md5  # hashlib would load all of OpenSSL for this
    except ImportError:
        from hashlib import md5

    key = path if settings["case_sensitive"] else path.lower()
    name = "_mod_wsgi_" + md5(os.fsencode(key), usedforsecurity=False).hexdigest()
    sys.modules.pop(name, None)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    module = types.ModuleType(name)
    module.__file__ = path
    module.__mtime__ = mtime
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    except BaseException:
        if sys.modules.get(name) is module:
            del sys.modules[name]
        raise
    return module.__dict__


def candidates(namespace):
    """Names that an administrator may have meant as the callable."""
    found = [
        name
        for name, value in namespace.items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == namespace["__name__"]
    ]
    return ", ".join(sorted(found)[:10])


def end():
    """What Python does at its end, without ending it."""
    # To threading the thread that imported it is the main one, and _shutdown waits for that one for ever when another
    # thread calls it.
    threading._main_thread._ident = threading.get_ident()
    for step in (threading._shutdown, atexit._run_exitfuncs):
        try:
            step()
        except BaseException as error:
            report(error, "the end of the interpreter")
    host.flush(False)
    host.flush(True)


# Set-up


def extend_path():
    """python-path through site.addsitedir, moved to the front; the group's home in front of it."""
    import site

    added = []
    for directory in settings["path"]:
        before = list(sys.path)
        try:
            site.addsitedir(directory)
        except BaseException as error:
            report(error, f"python-path entry {directory!r}; the entries after it are ignored")
            break
        finally:
            added += [entry for entry in sys.path if entry not in before]
    rest = [entry for entry in sys.path if entry not in added]
    home = settings["working_directory"]
    sys.path[:] = ([home] if home else []) + added + rest


def restrict_streams():
    sys.stderr = Log("<stderr>", True)
    if settings["debug_mode"] and not settings["process_group"]:
        return  # a debugger on the terminal
    sys.stdout = Restricted("sys.stdout", "WSGIRestrictStdout") if settings["restrict_stdout"] else Log("<stdout>", False)
    if settings["restrict_stdin"]:
        sys.stdin = Restricted("sys.stdin", "WSGIRestrictStdin")


def set_switch_interval():
    """The interval belongs to a GIL."""
    interval, group = settings["switch_interval"], settings["application_group"]
    if interval is None:
        return
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        record(WARN, f"switch interval {interval:g} has no effect: this Python runs without a GIL (WSGIFreeThreading)")
    elif settings["own_gil"] or not group:
        sys.setswitchinterval(interval)
    elif settings["switch_interval_is_own"]:
        record(
            WARN,
            f"switch interval {interval:g} of application group '{group}' has no effect, since its interpreter shares the "
            "GIL with all others: set it for the process (WSGISwitchInterval, switch-interval=), or give the group "
            "a GIL of its own (WSGIPerInterpreterGIL)",
        )


def restrict_signal():
    import signal

    real = signal.signal

    def intercept(signalnum, handler):
        if os.getpid() != MAIN_PID:
            return real(signalnum, handler)
        import traceback

        stack = "".join(traceback.format_stack(sys._getframe(1))).rstrip("\n")
        record(INFO, f"handler for signal {signalnum} ignored: signals belong to httpd (WSGIRestrictSignal)\n{stack}")
        return handler

    intercept.__name__ = intercept.__qualname__ = "signal"
    intercept.__doc__ = real.__doc__
    signal.signal = intercept


def warn_of_fork():
    """A fork in a process with sub-interpreters kills the child, whatever the version."""
    group = settings["application_group"]

    def warn():
        record(
            WARN,
            f"os.fork in application group {group!r}: CPython ends the child of a fork from a sub-interpreter. "
            "Run this application with application-group=%{GLOBAL} (WSGIApplicationGroup), or use subprocess "
            "or multiprocessing's spawn",
        )

    os.register_at_fork(before=warn)


def set_up():
    sys.argv = ["mod_wsgi"]
    restrict_streams()
    set_switch_interval()
    if settings["seeded"] and settings["process_group"]:
        os.environ.pop("PYTHONHASHSEED", None)  # how the leader said it; not for the application's own processes
    if settings["eggs"]:
        os.environ["PYTHON_EGG_CACHE"] = settings["eggs"]
    extend_path()
    if settings["restrict_signal"] and settings["threads_per_process"]:  # a group without request threads minds its own
        restrict_signal()
    if settings["application_group"] and not settings["own_gil"]:  # with its own GIL os.fork raises
        warn_of_fork()
    make_mod_wsgi()
    make_apache()
