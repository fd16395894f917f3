"""The keys of `request_metrics()` and `process_metrics()` with the types of their values."""

PHASES = ("server_time", "queue_time", "daemon_time", "application_time", "request_time", "input_read_time",
          "output_write_time", "gil_wait_time")

REQUEST = {
    **dict.fromkeys(("pid", "request_count", "request_threads_maximum", "request_threads_started",
                     "request_threads_active", "memory_rss", "memory_max_rss", "status_1xx", "status_2xx",
                     "status_3xx", "status_4xx", "status_5xx", "input_bytes", "input_reads", "output_bytes",
                     "output_writes", "gil_wait_count"), "int"),
    **dict.fromkeys(("start_time", "stop_time", "sample_period", "request_throughput", "capacity_utilization",
                     "cpu_user_utilization", "cpu_system_utilization", "cpu_utilization", "cpu_user_time",
                     "cpu_system_time", "cpu_time"), "float"),
    **dict.fromkeys(PHASES, "float"),
    **dict.fromkeys([f"{phase}_{end}" for phase in PHASES for end in ("min_us", "max_us")], "int"),
    **dict.fromkeys([f"{phase}_buckets" for phase in PHASES], "list of int"),
    **dict.fromkeys(("request_threads_completed", "request_threads_buckets"), "list of int"),
    **dict.fromkeys(("request_threads_busy_time", "request_threads_cpu_time", "request_threads_current_elapsed",
                     "request_threads_max_duration"), "list of float"),
}

PROCESS = {
    **dict.fromkeys(("pid", "request_count", "memory_rss", "memory_max_rss", "running_time", "request_threads",
                     "active_requests"), "int"),
    **dict.fromkeys(("request_busy_time", "cpu_user_time", "cpu_system_time", "cpu_time", "restart_time",
                     "current_time"), "float"),
    "threads": "list",
}
