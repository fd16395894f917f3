"""How long it takes from `httpd -k start` to the first 200: one figure for each module, mode and application."""

from bench.peers.httpd import DAEMON, EMBEDDED
from bench.scaling.httpd import Httpd

NAMES = {"ours": "this module", "peer": "mod_wsgi 6.1"}
KINDS = (("ours", "embedded", EMBEDDED, ""), ("peer", "embedded", EMBEDDED, ""), ("ours", "daemon", DAEMON, ""),
         ("ours", "daemon preload", DAEMON, "preload=on"), ("peer", "daemon", DAEMON, ""))
APPLICATIONS = {"hello": "plain/hello.py", "Django": "catalogue/site.py"}


def measure(machine, modules):
    """One round: names and seconds. httpd has one child, so the first request meets one that has started nothing."""
    for application, script in APPLICATIONS.items():
        for module, mode, lines, options in KINDS:
            if module in modules:
                httpd = Httpd(machine, modules[module], "")
                httpd.lines = expand(lines, httpd, machine.sites / script, options)
                with httpd:
                    yield f"{application}: {NAMES[module]}, {mode}", httpd.first("/")


def expand(lines, httpd, script, options):
    """The lines for this server and application."""
    machine = httpd.machine
    return lines.format(root=httpd.root, home=machine.home, script=script, options=options)
