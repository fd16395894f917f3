"""A small HTTP/2 client with prior knowledge (h2c), over PyPI's h2: several streams at once, and nothing is repaired.

A stream that the server resets before its end raises [`Reset`]; one after the end of a complete response does not
matter, for that is how a server says that it needs no more of the request.
"""

import socket

import h2.config
import h2.connection
import h2.events
import h2.settings

from .http import Cut, Response


class Reset(Cut):
    """The server has given up a stream whose response was not complete."""


class Stream:
    """One request and its response, as far as they have come."""

    def __init__(self):
        self.response, self.ended, self.reset, self.unsent, self.close_after = None, False, None, b"", False


class Http2:
    """One connection."""

    def __init__(self, port, timeout=30, window=1 << 20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
        self.state.initiate_connection()
        self.state.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.state.increment_flow_control_window(64 << 20)
        self.port, self.streams, self.goodbye = port, {}, None
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection."""
        self.socket.close()

    def flush(self):
        """Sends what the protocol has ready."""
        self.socket.sendall(self.state.data_to_send())

    def start(self, method, path, headers=(), body=b"", end=True):
        """Opens a stream; with `end` false more of the body will follow ([`Http2.send`])."""
        number = self.state.get_next_available_stream_id()
        given = headers.items() if isinstance(headers, dict) else headers
        head = [(":method", method), (":scheme", "http"), (":authority", f"127.0.0.1:{self.port}"), (":path", path),
                *((name.lower(), value) for name, value in given)]
        self.streams[number] = Stream()
        self.state.send_headers(number, head, end_stream=end and not body)
        if body:
            self.send(number, body, end)
        self.flush()
        return number

    def send(self, number, data, end=True):
        """More of a body: what the server's windows let through now, the rest while an answer is awaited."""
        stream = self.streams[number]
        stream.unsent += data
        stream.close_after = end
        self.push(number)

    def push(self, number):
        """Sends what the windows let through."""
        stream = self.streams[number]
        while stream.unsent and stream.reset is None:
            size = min(self.state.local_flow_control_window(number), self.state.max_outbound_frame_size)
            if size <= 0:
                break
            piece, stream.unsent = stream.unsent[:size], stream.unsent[size:]
            self.state.send_data(number, piece, end_stream=stream.close_after and not stream.unsent)
        self.flush()

    def cancel(self, number):
        """Gives up a stream, if it is still open."""
        stream = self.streams[number]
        if stream.reset is None:
            stream.reset, stream.unsent = 8, b""
            self.state.reset_stream(number, error_code=8)
            self.flush()

    def fill(self):
        """Takes in what comes next; False at the end of the connection."""
        data = self.socket.recv(65536)
        if not data:
            return False
        for event in self.state.receive_data(data):
            self.take(event)
        self.flush()
        for number, stream in self.streams.items():
            if stream.unsent and stream.reset is None:
                self.push(number)
        return True

    def take(self, event):
        """Notes what an event says."""
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            headers = dict(event.headers)
            stream.response = Response(int(headers.pop(":status")), "", [pair for pair in event.headers if pair[0] != ":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream.response.body += event.data
        if isinstance(event, h2.events.DataReceived) and stream.reset is None:
            self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset, stream.unsent = event.error_code, b""
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goodbye = event.error_code

    def wait(self, condition):
        """Takes in what comes until `condition()` is true."""
        while not condition():
            if not self.fill():
                raise Cut("the connection ended")

    def finish(self, number):
        """The whole response of a stream."""
        stream = self.streams[number]
        self.wait(lambda: stream.ended or stream.reset is not None)
        if not stream.ended:
            raise Reset(f"stream {number} was reset with error {stream.reset}", stream.response.body if stream.response else b"")
        return stream.response

    def request(self, method, path, *args, **kwargs):
        """A request and its whole answer."""
        return self.finish(self.start(method, path, *args, **kwargs))
