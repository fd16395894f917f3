# The types of payloads and metrics. This module is of the stubs only: import it under TYPE_CHECKING.
#
# A payload arrives as keyword arguments, so a callback may be declared with `**payload: Unpack[RequestFinished]`.

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeAlias, TypedDict

from typing_extensions import NotRequired

# callback(name, **payload); a mapping that it returns changes the payload.
EventCallback: TypeAlias = Callable[..., object]
_ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]

# request_started
class RequestStarted(TypedDict):
    request_id: NotRequired[str]
    request_data: dict[str, Any]
    thread_id: int
    server_pid: int
    request_start: float
    queue_start: float
    daemon_start: float
    daemon_connects: int
    daemon_restarts: int
    application_start: float
    application_object: Callable[..., Any]
    callable_object: str
    request_environ: dict[str, Any]

# response_started
class ResponseStarted(TypedDict):
    request_id: NotRequired[str]
    request_data: dict[str, Any]
    response_status: str
    response_headers: list[tuple[str, str]]
    exception_info: _ExcInfo | None

# request_exception
class RequestException(TypedDict):
    request_id: NotRequired[str]
    request_data: dict[str, Any]
    exception_info: _ExcInfo

# request_finished
class RequestFinished(TypedDict):
    request_id: NotRequired[str]
    request_data: dict[str, Any]
    thread_id: int
    server_pid: int
    request_start: float
    queue_start: float
    daemon_start: float
    application_finish: float
    application_time: float
    input_reads: int
    input_length: int
    input_time: float
    output_writes: int
    output_length: int
    output_time: float
    status: int
    gil_wait_time: float
    gil_wait_count: int
    cpu_user_time: NotRequired[float]
    cpu_system_time: NotRequired[float]
    cpu_time: NotRequired[float]

# process_signal
class ProcessSignal(TypedDict):
    signame: str
    signum: int

# process_stopping
class ProcessStopping(TypedDict):
    shutdown_reason: str

# request_metrics()
class RequestMetrics(TypedDict):
    pid: int
    request_count: int
    request_threads_maximum: int
    request_threads_started: int
    request_threads_active: int
    memory_rss: int
    memory_max_rss: int
    status_1xx: int
    status_2xx: int
    status_3xx: int
    status_4xx: int
    status_5xx: int
    input_bytes: int
    input_reads: int
    output_bytes: int
    output_writes: int
    gil_wait_count: int
    start_time: float
    stop_time: float
    sample_period: float
    request_throughput: float
    capacity_utilization: float
    cpu_user_utilization: float
    cpu_system_utilization: float
    cpu_utilization: float
    cpu_user_time: float
    cpu_system_time: float
    cpu_time: float
    server_time: float
    queue_time: float | None
    daemon_time: float | None
    application_time: float
    request_time: float
    input_read_time: float
    output_write_time: float
    gil_wait_time: float
    server_time_min_us: int | None
    server_time_max_us: int | None
    queue_time_min_us: int | None
    queue_time_max_us: int | None
    daemon_time_min_us: int | None
    daemon_time_max_us: int | None
    application_time_min_us: int | None
    application_time_max_us: int | None
    request_time_min_us: int | None
    request_time_max_us: int | None
    input_read_time_min_us: int | None
    input_read_time_max_us: int | None
    output_write_time_min_us: int | None
    output_write_time_max_us: int | None
    gil_wait_time_min_us: int | None
    gil_wait_time_max_us: int | None
    server_time_buckets: list[int]
    queue_time_buckets: list[int]
    daemon_time_buckets: list[int]
    application_time_buckets: list[int]
    request_time_buckets: list[int]
    input_read_time_buckets: list[int]
    output_write_time_buckets: list[int]
    gil_wait_time_buckets: list[int]
    request_threads_completed: list[int]
    request_threads_buckets: list[int]
    request_threads_busy_time: list[float]
    request_threads_cpu_time: list[float]
    request_threads_current_elapsed: list[float]
    request_threads_max_duration: list[float]

# An entry of `threads`.
class ProcessThread(TypedDict):
    thread_id: int
    request_count: int

# process_metrics()
class ProcessMetrics(TypedDict):
    pid: int
    request_count: int
    memory_rss: int
    memory_max_rss: int
    running_time: int
    request_threads: int
    active_requests: int
    request_busy_time: float
    cpu_user_time: float
    cpu_system_time: float
    cpu_time: float
    restart_time: float
    current_time: float
    threads: list[ProcessThread]

# A thread of httpd.
class ServerWorker(TypedDict):
    thread_num: int
    generation: int
    status: str
    access_count: int
    bytes_served: int
    start_time: float
    stop_time: float
    last_used: float
    client: str
    request: str
    vhost: str

# A process of httpd.
class ServerProcess(TypedDict):
    process_num: int
    pid: int
    generation: int
    quiescing: bool
    workers: list[ServerWorker]

# server_metrics()
class ServerMetrics(TypedDict):
    server_limit: int
    thread_limit: int
    running_generation: int
    restart_time: float
    current_time: float
    running_time: int
    processes: list[ServerProcess]
