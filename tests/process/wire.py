"""The contract between httpd's child and a worker, in a few lines of Python: area, tickets, frames, settings.

Written from crates/contract, which is what counts; a difference fails these tests at once.
"""

import array
import ctypes
import fcntl
import json
import mmap
import os
import re
import socket
import struct
import time
from pathlib import Path

_VERSION = Path(__file__).parents[2] / "crates/contract/src/version.rs"
CONTRACT, = map(int, re.findall(r"const VERSION: u32 = (\d+);", _VERSION.read_text()))
CONTROL, SETTINGS, AREA, OVERFLOW, SLOT = 3, 4, 5, 6, 7
REQUEST, BODY, BODY_END, VALUE = 1, 2, 3, 5
TAKEN, HEAD, FILE, LOG, END, REJECT, GOAWAY, LOOKUP, VERDICT = range(16, 25)
RELOADING, NO_BODY, ANNOUNCE = 1, 2, 4
REJECT_RELOADING, REJECT_DRAINING, REJECT_TOO_LATE = 1, 2, 3
STARTING, RUNNING, FAILING, OUTDATED = 0, 1, 2, 3

GROUP_SIZE, SLOT_SIZE, THREAD_SIZE = 8576, 512, 256
_SLOT_FIELDS = {"accepting": 0, "reserved": 4, "busy": 8, "pid": 12, "generation": 16}
_EXIT_NEXT, _EXITS = 1012, 1016


class Area:
    """The shared statistics area. `add` is atomic: a futex call that wakes nobody, but adds."""

    def __init__(self, slots, threads):
        self.slots, self.threads = slots, threads
        size = GROUP_SIZE + slots * (SLOT_SIZE + threads * THREAD_SIZE)
        self.file = os.memfd_create("area", os.MFD_CLOEXEC)
        os.ftruncate(self.file, size)
        self.map = mmap.mmap(self.file, size)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))

    def _u32(self, offset):
        return struct.unpack_from("<I", self.map, offset)[0]

    def slot(self, number, field):
        return self._u32(GROUP_SIZE + number * SLOT_SIZE + _SLOT_FIELDS[field])

    def requests(self, number):
        return struct.unpack_from("<Q", self.map, GROUP_SIZE + number * SLOT_SIZE + 24)[0]

    def first(self, number):
        """When startup-timeout began to count; 0: not yet."""
        return struct.unpack_from("<Q", self.map, GROUP_SIZE + number * SLOT_SIZE + 40)[0]

    def add(self, number, field, amount):
        self._add(GROUP_SIZE + number * SLOT_SIZE + _SLOT_FIELDS[field], amount)

    def add_queued(self, amount):
        self._add(0, amount)

    def _add(self, offset, amount):
        futex, wake_op, operation = 202, 5, (1 << 28) | ((amount & 0xFFF) << 12)
        word = ctypes.c_void_p(self.address + offset)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(futex, word, wake_op, 0, ctypes.c_void_p(0), word, operation) < 0:
            raise OSError(ctypes.get_errno(), "futex")

    def set(self, number, field, value):
        struct.pack_into("<I", self.map, GROUP_SIZE + number * SLOT_SIZE + _SLOT_FIELDS[field], value)

    @property
    def queued(self):
        return self._u32(0)

    @property
    def state(self):
        return self._u32(4)

    @property
    def failure(self):
        return self.map[12 : 12 + self._u32(8)].decode()

    def exit_of(self, pid):
        exits = (struct.unpack_from("<IiI", self.map, _EXITS + n * 24) for n in range(32))
        return next((status for known, status, _ in exits if known == pid), None)

    def thread(self, slot, number):
        """What thread `number` (from 1) of a slot shows: (when its request began, its number, its text)."""
        at = GROUP_SIZE + self.slots * SLOT_SIZE + (slot * self.threads + number - 1) * THREAD_SIZE
        began, request, length = struct.unpack_from("<QQQ", self.map, at)
        return began, request, self.map[at + 24 : at + 24 + length].decode()


def _bytes(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(value)) + value


def request(script, path="/", group="", flags=RELOADING, deadline=0, environ=(), task=None):
    """The payload of a REQUEST frame; `task` is the number of one and its words, when no application is asked."""
    micros = int(time.time() * 1e6)
    variables = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        **dict(environ),
    }
    head = struct.pack("<IBQQHHQQ", flags, 6, micros, micros, 1, 0, deadline, 0)
    head += _bytes(str(script)) + _bytes(group) + _bytes("application")
    number, *words = task or [0]
    head += bytes([number]) + b"".join(map(_bytes, words))
    pairs = b"".join(_bytes(name) + _bytes(value) for name, value in variables.items())
    return head + struct.pack("<I", len(variables)) + pairs


def frame(kind, payload=b"", flags=0):
    return struct.pack("<BBHI", kind, flags, 0, len(payload)) + payload


class Response:
    """Frames from a worker, as they come."""

    def __init__(self, connection, timeout=20):
        self.connection = connection
        connection.settimeout(timeout)
        self.buffer = b""

    def frame(self):
        """The next frame as (kind, payload); None at the end of the connection."""
        while True:
            if len(self.buffer) >= 8:
                kind, _, _, length = struct.unpack_from("<BBHI", self.buffer)
                if len(self.buffer) >= 8 + length:
                    payload, self.buffer = self.buffer[8 : 8 + length], self.buffer[8 + length :]
                    return kind, payload
            try:
                more = self.connection.recv(1 << 18)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.buffer += more

    def whole(self):
        """Reads to END, REJECT, GOAWAY or the end of the connection."""
        answer = Answer()
        while True:
            got = self.frame()
            if got is None:
                return answer
            kind, payload = got
            if kind == TAKEN:
                answer.slot, answer.pid = struct.unpack("<II", payload)
            elif kind == HEAD:
                answer.status = struct.unpack_from("<H", payload)[0]
            elif kind == BODY:
                answer.body += payload
            elif kind == LOG:
                answer.log += payload.decode(errors="replace") + "\n"
            elif kind == VERDICT:
                answer.verdict = payload
            elif kind == END:
                answer.outcome, answer.keep, _ = struct.unpack("<HBQ", payload)
                return answer
            elif kind == REJECT:
                answer.reject = payload[0]
                return answer
            elif kind == GOAWAY:
                answer.goaway = True
                return answer


class Answer:
    """What became of a request; `outcome` is None when no END came."""

    def __init__(self):
        self.slot = self.pid = self.status = self.outcome = self.reject = self.verdict = None
        self.body, self.log, self.keep, self.goaway = b"", "", 0, False

    def __repr__(self):
        return repr(vars(self))


def queue():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_ticket(queue, descriptor):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
    queue.sendmsg([struct.pack("<Q", int(time.monotonic() * 1e3))], rights)


def settings(host, interpreter, **changes):
    """A leader's settings; names of `python` settings go there."""
    python = dict(
        process_group="site", home=None, layers=[], working_directory=None, eggs=None,
        optimize=0, warnings=[], dont_write_bytecode=False, hash_seed=None, case_sensitive=True,
        free_threading=False, server_metrics=False, telemetry=None, debug_mode=False, destroy_interpreter=True,
        multithread=True, multiprocess=False, maximum_processes=1, threads_per_process=4, log_level=7,
        httpd_version=[2, 4, 60], httpd_description="", httpd_built="", mpm_name="event",
        mpm_processes=1, mpm_threads=4, imports=[], preload=False,
    )  # fmt: skip
    leader = dict(
        contract=CONTRACT, module="/usr/lib/mod_wsgi.so", host=str(host), interpreter=str(interpreter), generation=1,
        processes=1, threads=4, takes_over=False, httpd_pid=os.getpid(), display_name="(wsgi:site)",
        stack_size=None, socket_timeout=20,
        core_dumps=False, locale=None,
    )  # fmt: skip
    limits = dict(
        startup_timeout=0, request_timeout=0, interrupt_timeout=0, deadlock_timeout=0, inactivity_timeout=0,
        graceful_timeout=15, eviction_timeout=0, shutdown_timeout=5, restart_interval=0, maximum_requests=0, cpu_time=0,
    )  # fmt: skip
    for name, value in changes.items():
        next((part for part in (python, limits) if name in part), leader)[name] = value
    leader |= {"python": python, "limits": limits}
    return leader


def spawn(leader, settings, descriptors, log, environment=None):
    """Forks and executes a leader with `descriptors` (number 3, 5, 6, …) and the settings at 4, as httpd's parent does."""
    document = os.memfd_create("settings", os.MFD_CLOEXEC)
    os.write(document, json.dumps(settings).encode())
    descriptors = [descriptors[0], document, *descriptors[1:]]
    pid = os.fork()
    if pid == 0:
        try:
            high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 300) for descriptor in descriptors]
            os.dup2(log, 2)
            for number, descriptor in enumerate(high, start=CONTROL):
                os.dup2(descriptor, number)
            os.closerange(CONTROL + len(high), 1024)
            os.execve(leader, [str(leader)], {**os.environ, **(environment or {})})
        finally:
            os._exit(127)
    os.close(document)
    return pid
