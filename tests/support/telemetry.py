"""A telemetry service for tests: receives datagrams and decodes them by the specification."""

import os
import socket
import struct
import threading

from .processes import wait_until

SAMPLE, SLOW, STARTED, STOPPING, STOPPED, GC_STATE, GC_EVENT = 2, 4, 5, 6, 7, 8, 9


class Report:
    """One datagram: the header's fields, and the records by id."""

    def __init__(self, data):
        assert 24 <= len(data) <= 8192, len(data)
        magic, version, self.kind, flags, self.pid, self.sequence, self.stamp = struct.unpack_from("<4sBBHIId", data)
        assert (magic, version, flags) == (b"WSGI", 1, 0)
        self.fields, at = {}, 24
        while at < len(data):
            number, kind = struct.unpack_from("<HB", data, at)
            at += 3
            assert number not in self.fields, f"record {number} twice"
            if kind in (1, 2, 3):
                self.fields[number] = struct.unpack_from("<" + " Qdq"[kind], data, at)[0]
                at += 8
                continue
            (count,) = struct.unpack_from("<H", data, at)
            at += 2
            if kind == 4:
                assert at + count <= len(data)
                self.fields[number] = data[at : at + count].decode()
                at += count
            else:
                code, size = {5: ("i", 4), 6: ("d", 8)}[kind]
                self.fields[number] = list(struct.unpack_from(f"<{count}{code}", data, at))
                at += count * size
        assert at == len(data)

    def __getitem__(self, number):
        return self.fields[number]

    def get(self, number, default=None):
        return self.fields.get(number, default)

    def __contains__(self, number):
        return number in self.fields

    def __repr__(self):
        return f"Report(kind={self.kind}, pid={self.pid}, sequence={self.sequence}, {self.fields})"


class Service:
    """A bound socket, writable for all, and everything that came to it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        os.chmod(path, 0o666)
        self.reports, self.raw, self.trouble = [], b"", None
        self.thread = threading.Thread(target=self._receive, daemon=True)
        self.thread.start()

    def _receive(self):
        while True:
            data = self.socket.recv(65536)
            if data == b"end":
                return
            self.raw += data
            try:
                self.reports.append(Report(data))
            except Exception as error:
                self.trouble = error
                raise

    def of(self, *kinds, pid=None, where=lambda report: True):
        """What has come so far of some kinds."""
        assert self.trouble is None, self.trouble
        return [r for r in list(self.reports) if r.kind in kinds and pid in (None, r.pid) and where(r)]

    def wait(self, *kinds, pid=None, where=lambda report: True, timeout=20):
        """Waits for a report and returns the first."""
        try:
            return wait_until(lambda: self.of(*kinds, pid=pid, where=where), timeout)[0]
        except AssertionError:
            kinds_seen = [(r.kind, r.pid) for r in self.reports]
            raise AssertionError(f"no such report of {kinds} within {timeout} s; there were {kinds_seen}") from None

    def close(self):
        """Receives no more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", self.socket.getsockname())
        self.thread.join(10)
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
