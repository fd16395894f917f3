"""An application that uses every name of mod_wsgi and apache, for the type checker: see test_stubs.py."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Any

import apache
import mod_wsgi

if TYPE_CHECKING:
    from mod_wsgi._types import RequestFinished, RequestMetrics
    from typing_extensions import Unpack

identity: tuple[str, str] = (mod_wsgi.process_group, mod_wsgi.application_group)
capacity: int = mod_wsgi.maximum_processes * mod_wsgi.threads_per_process
httpd: str = f"{apache.description} {apache.build_date} {apache.mpm_name}"
httpd_capacity: int = apache.maximum_processes * apache.threads_per_process
newer: bool = mod_wsgi.version >= (6, 1, 0) and apache.version > (2, 4, 0)


class Handler(mod_wsgi.LogHandler):
    """Its own handler."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes."""
        super().emit(record)


@mod_wsgi.subscribe_events
def every(name: str, **payload: Any) -> dict[str, Any] | None:
    """One function for all events."""
    return {"application_object": application} if name == "request_started" else None


def finished(name: str, **payload: Unpack[RequestFinished]) -> None:
    """One event with its own keys."""
    seconds: float = payload["application_time"] + payload.get("cpu_time", 0.0)
    logging.info("%s %s %d %f", name, payload.get("request_id"), payload["status"], seconds)


@mod_wsgi.subscribe_shutdown
def stopping(name: str, shutdown_reason: str) -> None:
    """The end."""
    mod_wsgi.event_callbacks.clear()
    mod_wsgi.shutdown_callbacks.remove(stopping)


@mod_wsgi.subscribe_signals
def signalled(name: str, signame: str, signum: int) -> None:
    """A signal."""
    mod_wsgi.signal_callbacks.append(signalled)


mod_wsgi.subscribe_fork(before=mod_wsgi.event_callbacks.clear, after=lambda: print("forked"))


def observed() -> float:
    """Numbers."""
    mod_wsgi.start_recording_metrics()
    interval: RequestMetrics | None = mod_wsgi.request_metrics()
    process, server = mod_wsgi.process_metrics(), mod_wsgi.server_metrics()
    if interval is None or process is None or server is None:
        return 0.0
    queue = interval["queue_time"]
    busy = sum(thread["request_count"] for thread in process["threads"])
    waiting = [worker["request"] for one in server["processes"] for worker in one["workers"] if worker["status"] == "_"]
    return interval["request_throughput"] + (queue or 0.0) + busy + len(waiting)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The application."""
    mod_wsgi.subscribe_events(finished)
    mod_wsgi.request_data()["running"] = len(mod_wsgi.active_requests)
    try:
        start_response("200 OK", [])
        file: IO[bytes] = open("/etc/hostname", "rb")
        wrapper = mod_wsgi.FileWrapper(file, 4096)
        assert wrapper.filelike is file and wrapper.blksize == 4096
        return wrapper
    except mod_wsgi.RequestTimeout:
        logging.warning("too slow")
        raise
