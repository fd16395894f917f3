"""What a request costs behind so many aliases or virtual hosts, for the last of them; beside it what httpd's own file costs
in the same place, since httpd looks for the host as well."""

from bench.scaling.httpd import Httpd
from bench.scaling.load import cost

SIZES = (1, 100, 300, 1000)
GROUP = "WSGIDaemonProcess one processes=1 threads=4\n"


def aliases(count, script, files):
    """WSGIScriptAlias, so many times; and Alias."""
    ours = "".join(f"WSGIScriptAlias /a{n} {script} process-group=one application-group=%{{GLOBAL}}\n" for n in range(count))
    static = "".join(f"Alias /f{n} {files}/hello\n" for n in range(count))
    return GROUP + ours, static, (f"/a{count - 1}", f"/f{count - 1}", None)


def hosts(count, script, files):
    """Virtual hosts by name, each with an alias of its own."""
    host = "<VirtualHost *>\nServerName h{n}.example\n{line}\n</VirtualHost>\n"
    line = f"WSGIScriptAlias /a {script} process-group=one application-group=%{{GLOBAL}}"
    ours = "".join(host.format(n=n, line=line) for n in range(count))
    static = "".join(host.format(n=n, line=f"Alias /f {files}/hello") for n in range(count))
    return GROUP + ours, static, ("/a", "/f", f"h{count - 1}.example")


KINDS = {"aliases": aliases, "hosts": hosts}


def measure(machine, module, kind, count, script):
    """Microseconds of processor time for a request, and for one of a static file."""
    ours, static, (path, file, host) = KINDS[kind](count, script, machine.files)
    row = {"kind": kind, "entries": count}
    with Httpd(machine, module, ours) as httpd:
        row["listening"] = httpd.start()
        row["request"] = cost(httpd, path, host)
    with Httpd(machine, None, static) as httpd:
        httpd.start()
        row["static"] = cost(httpd, file, host)
    return row
