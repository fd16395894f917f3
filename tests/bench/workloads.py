"""What the servers are asked for: one row per workload."""

import dataclasses

MIB = 1 << 20
FEW = (1, 16)
MANY = (1, 16, 256)


@dataclasses.dataclass(frozen=True)
class Workload:
    """An application of the folder `applications`, how it is asked, and how its answer is recognised."""

    name: str
    title: str
    application: str                   # PACKAGE.MODULE
    connections: tuple
    expected: object                   # of the answer's body
    file: str | None = None            # what httpd's own static files are asked for
    upload: int = 0                    # bytes of each request's body
    download: int = 0                  # bytes of each answer's body, where that is what takes the time

    @property
    def mebibytes(self):
        """What CPU time and rate are given for instead of a request, or None."""
        return (self.upload or self.download) / MIB or None

    @property
    def script(self):
        """wrk's part of the request, in Lua."""
        return f'wrk.method = "POST"\nwrk.body = string.rep("x", {self.upload})\n' if self.upload else ""


WORKLOADS = (
    Workload("hello", "Hello world (12 bytes)", "plain.hello", MANY, lambda body: body == b"Hello world\n", file="hello"),
    Workload("django", "A Django page (7 middlewares, one query over SQLite, a template of 20 rows)", "catalogue.site", MANY,
             lambda body: body.count(b"<tr>") == 20),
    Workload("sleep", "A view that sleeps 5 ms", "plain.sleep", MANY, lambda body: body == b"Hello world\n"),
    Workload("generator", "10 MiB from a generator of 64 KiB pieces", "plain.generator", FEW,
             lambda body: len(body) == 10 * MIB, download=10 * MIB),
    Workload("file", "10 MiB by wsgi.file_wrapper", "plain.file", FEW, lambda body: len(body) == 10 * MIB, file="10MiB",
             download=10 * MIB),
    Workload("upload", "1 MiB upload", "plain.upload", FEW, lambda body: body == b"%d\n" % MIB, upload=MIB),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}
