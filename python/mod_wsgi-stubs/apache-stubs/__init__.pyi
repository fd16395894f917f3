# httpd, as every application within it finds it described. The numbers are those of httpd's MPM, in daemons too.

version: tuple[int, int, int]
description: str
build_date: str
mpm_name: str
maximum_processes: int
threads_per_process: int
