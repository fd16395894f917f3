"""httpd with the event MPM and one part that differs: static files, a WSGI module, or a proxy."""

import dataclasses

from bench.failure import Failure

PARTS = ("mpm_event", "authz_core", "log_config", "unixd")

# Threads of each of the 2 children: those that run the application; or those that wait for it, as many in all as httpd has
# by default, and more than there are connections.
WORKER = 8
FRONT = 200

COMMON = """\
ServerName localhost
ServerRoot {root}
PidFile {root}/httpd.pid
DefaultRuntimeDir {root}
Listen 127.0.0.1:{port}
{modules}
StartServers 2
ServerLimit 2
ThreadLimit {threads}
ThreadsPerChild {threads}
MinSpareThreads 1
MaxSpareThreads {all_threads}
MaxRequestWorkers {all_threads}
AsyncRequestWorkerFactor 32
MaxKeepAliveRequests 0
KeepAliveTimeout 75
EnableMMAP Off
EnableSendfile Off
ErrorLog {root}/error.log
LogLevel warn
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog {root}/access.log common
<Directory />
    AllowOverride None
    Require all granted
</Directory>
"""

STATIC = "DocumentRoot {files}\n"

EMBEDDED = """\
WSGIPythonHome {home}
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {script}
"""

DAEMON = """\
WSGISocketPrefix {root}/wsgi
WSGIDaemonProcess bench python-home={home} home={root} processes=2 threads=8 {options}
WSGIScriptAlias / {script} process-group=bench application-group=%{{GLOBAL}}
"""

PROXY = """\
ProxyPass / unix:{socket}|http://localhost/ enablereuse=on ttl=60
"""


@dataclasses.dataclass(frozen=True)
class Httpd:
    """`lines` is the part that differs, `options` are further ones of its process group; `module` is the WSGI module, a
    pattern below the cache or, if it is `of_httpd`, below httpd's own modules."""

    threads: int
    lines: str
    options: str = ""
    module: str | None = None
    of_httpd: bool = False
    parts: tuple = ()
    behind_front = False

    def command(self, site):
        """Writes httpd.conf."""
        machine = site.machine
        found = [(part, machine.httpd_modules / f"mod_{part}.so") for part in PARTS + self.parts]
        modules = [f"LoadModule {part}_module {path}" for part, path in found if path.exists()]  # the rest is built in
        if self.module:
            modules.append(f"LoadModule wsgi_module {self.wsgi(machine)}")
        text = (COMMON + self.lines).format(
            root=site.root, port=site.port, modules="\n".join(modules), threads=self.threads, all_threads=2 * self.threads,
            files=machine.files, home=machine.home, script=site.script, socket=site.socket,
            options=self.options)
        return [machine.httpd, "-DFOREGROUND", "-f", site.write("httpd.conf", text)]

    def wsgi(self, machine):
        """The file of the module."""
        place = machine.httpd_modules if self.of_httpd else machine.cache
        path = next(place.glob(self.module), None)
        if path is None:
            raise Failure(f"there is no {place}/{self.module}")
        return path
