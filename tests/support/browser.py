"""A client with cookies that fills in forms, for sites that want a session and a token."""

import re
import uuid

from .http import Connection


def multipart(fields, files=()):
    """The body of a form and its header; a file is a field's name, a file's name and its content."""
    boundary = uuid.uuid4().hex
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts += [f'Content-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'.encode() + content
              for name, file, content in files]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return body, [("Content-Type", f"multipart/form-data; boundary={boundary}")]


class Browser:
    """One visitor: keeps the connection while the server does, and the cookies."""

    def __init__(self, server, mount=""):
        self.connection, self.mount, self.cookies = Connection(server.port), mount, {}

    def request(self, method, path, body=b"", headers=()):
        """A request with the cookies so far."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = self.connection.request(method, self.mount + path, [*headers, ("Cookie", cookies)], body)
        for cookie in response.all("Set-Cookie"):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        if (response.header("Connection") or "").lower() == "close":
            self.connection.close()
            self.connection = Connection(self.connection.port)
        return response

    def get(self, path):
        """A page."""
        return self.request("GET", path)

    def token(self, path):
        """The token against forged requests in the form of a page."""
        return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path).text).group(1)

    def submit(self, path, fields, files=(), form=None):
        """Fetches the page of a form (itself `path` unless `form`), then sends the form with its token."""
        body, headers = multipart({**fields, "csrfmiddlewaretoken": self.token(form or path)}, files)
        return self.request("POST", path, body, headers)
