"""A small HTTP/1.1 client over a plain socket that never repairs anything.

A response that ends before its last chunk or its Content-Length raises [`Cut`], so that no test takes half an answer for
a whole one; `http.client` and its kin hide some of that, and retry.
"""

import socket
from dataclasses import dataclass, field


class Cut(Exception):
    """The connection ended before the response was complete."""

    def __init__(self, message, received=b""):
        super().__init__(f"{message} ({len(received)} bytes: {received[:200]!r})")
        self.received = received


@dataclass
class Response:
    """A complete response."""

    status: int
    reason: str
    headers: list = field(repr=False)
    body: bytes = b""

    def all(self, name):
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name, default=None):
        """A header that may occur once."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} occurs {len(values)} times: {values}"
        return values[0] if values else default

    @property
    def text(self):
        """The body as text."""
        return self.body.decode()


class Connection:
    """One client connection, to be driven by hand or by [`Connection.request`]."""

    def __init__(self, port, timeout=30, wrap=None, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout)
        if wrap:
            self.socket = wrap(self.socket)
        self.pending = b""
        self.port = port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection."""
        self.socket.close()

    def reset(self):
        """Closes the connection so that the server sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def start(self, method, path, headers=(), body=b"", host=None, chunked=False):
        """Sends a request without waiting for the answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{self.port}'}"]
        given = headers.items() if isinstance(headers, dict) else headers
        lines += [f"{name}: {value}" for name, value in given]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
            pieces = [body] if isinstance(body, bytes) else body
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
        elif body and not any(line.lower().startswith("content-length:") for line in lines):
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def fill(self):
        """Receives what there is; False at the end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.pending += data
        return bool(data)

    def take(self, count):
        """Exactly `count` bytes."""
        pieces, missing = [], count
        while True:
            pieces.append(self.pending[:missing])
            self.pending = self.pending[missing:]
            missing -= len(pieces[-1])
            if not missing:
                return b"".join(pieces)
            if not self.fill():
                raise Cut(f"{missing} of {count} bytes are missing", b"".join(pieces))

    def line(self):
        """One line, without its end."""
        while b"\n" not in self.pending:
            if not self.fill():
                raise Cut("the connection ended within a line", self.pending)
        line, self.pending = self.pending.split(b"\n", 1)
        return line.rstrip(b"\r").decode("latin-1")

    def head(self):
        """The next response's status line and headers (also that of a 100 Continue)."""
        words = self.line().split(" ", 2)
        headers = []
        while line := self.line():
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        return Response(int(words[1]), words[2] if len(words) > 2 else "", headers)

    def chunk(self):
        """The next chunk of a chunked body; empty for the last."""
        size = int(self.line().split(";")[0], 16)
        data = self.take(size)
        if self.line():
            raise AssertionError("a chunk is longer than it says")
        return data

    def chunks(self):
        """What is left of a chunked body."""
        pieces = []
        try:
            while piece := self.chunk():
                pieces.append(piece)
        except Cut as cut:
            raise Cut("the last chunk is missing", b"".join(pieces) + cut.received) from None
        return b"".join(pieces)

    def body(self, method, response):
        """The whole body that belongs to a head."""
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return b""
        if (response.header("Transfer-Encoding") or "").lower() == "chunked":
            return self.chunks()
        if response.header("Content-Length") is not None:
            return self.take(int(response.header("Content-Length")))
        while self.fill():
            pass
        data, self.pending = self.pending, b""
        return data

    def finish(self, method="GET"):
        """Reads the answer to what [`Connection.start`] sent, past any 100 Continue."""
        response = self.head()
        while response.status == 100:
            response = self.head()
        response.body = self.body(method, response)
        return response

    def request(self, method, path, *args, **kwargs):
        """A request and its whole answer."""
        self.start(method, path, *args, **kwargs)
        return self.finish(method)
