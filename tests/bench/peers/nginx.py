"""nginx in front of an application server on a Unix socket."""

import dataclasses

COMMON = """\
daemon off;
worker_processes 2;
pid {root}/nginx.pid;
error_log {root}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    log_format common '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent';
    access_log {root}/access.log common;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    scgi_temp_path {root}/scgi;
    uwsgi_temp_path {root}/uwsgi;
    sendfile on;
    keepalive_requests 1000000000;
    client_max_body_size 32m;
    upstream application {{ server unix:{socket}; {upstream} }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            {location}
        }}
    }}
}}
"""

# (in the upstream, in the location)
UWSGI = ("", "\n            ".join([
    "uwsgi_pass application;",
    *(f"uwsgi_param {name} {value};" for name, value in {
        "QUERY_STRING": "$query_string", "REQUEST_METHOD": "$request_method", "CONTENT_TYPE": "$content_type",
        "CONTENT_LENGTH": "$content_length", "REQUEST_URI": "$request_uri", "PATH_INFO": "$document_uri",
        "DOCUMENT_ROOT": "$document_root", "SERVER_PROTOCOL": "$server_protocol", "REQUEST_SCHEME": "$scheme",
        "REMOTE_ADDR": "$remote_addr", "REMOTE_PORT": "$remote_port", "SERVER_PORT": "$server_port",
        "SERVER_NAME": "$server_name"}.items()),
]))
PROXY = ("keepalive 16;", "\n            ".join([
    "proxy_pass http://application;",
    "proxy_http_version 1.1;",
    'proxy_set_header Connection "";',
    "proxy_set_header Host $http_host;",
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "proxy_set_header X-Forwarded-Proto $scheme;",
]))


@dataclasses.dataclass(frozen=True)
class Nginx:
    """`passing` is what differs by the protocol that is spoken to the application server."""

    passing: tuple
    behind_front = False

    def command(self, site):
        """Writes nginx.conf."""
        upstream, location = self.passing
        text = COMMON.format(root=site.root, port=site.port, socket=site.socket, upstream=upstream, location=location)
        return ["nginx", "-c", site.write("nginx.conf", text), "-e", f"{site.root}/error.log"]
