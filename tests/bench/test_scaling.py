"""The parts of `scale` and `startup` that need no server: configurations, tables and curves."""

import os
import pathlib
import subprocess
import sys
from xml.etree import ElementTree

from bench.scaling import curve, entries, groups, report
from bench.scaling.httpd import too_few

FACTS = {"cpu": "a processor", "cores": 2, "kernel": "6", "httpd": "2.4", "python": "3.11", "date": "today", "load": 0.1, "files": 9}
SEEN = {"rate": 9000.0, "p50": 200, "p99": 900, "cpu": 60.0, "failed": 0}
FOUND = {
    "facts": FACTS, "missing": {"mod_wsgi of PyPI": "no network"},
    "groups": [{"groups": 1, "kind": "ours", "listening": 0.05, "request": 60, "wakeups": 3},
               {"groups": 500, "kind": "ours", "listening": 1.5, "request": 61, "wakeups": 90},
               {"groups": 500, "kind": "on demand", "listening": 1.25}],
    "entries": [{"kind": "hosts", "entries": 1, "request": 60, "static": 40, "listening": 0.1}],
    "interpreters": [{"interpreters": 1, "request": 60}],
    "connections": {"connections": 5000, "kept": 4999, "failures": 1, "why": "timed <out>", "memory": 3.25, "share": 0.5,
                    "wakeups": 800, "alone": SEEN, "beside": SEEN, "answers": 9000},
}


def test_each_group_has_its_alias():
    text = groups.lines(3, "/srv/app.py", "0-1")
    assert text.count("processes=0-1") == 3 and "WSGIScriptAlias /a2 /srv/app.py process-group=g2 " in text


def test_the_last_entry_is_asked_for():
    ours, static, (path, file, host) = entries.hosts(100, "/srv/app.py", "/srv/files")
    assert ours.count("<VirtualHost") == static.count("<VirtualHost") == 100
    assert (path, file, host) == ("/a", "/f", "h99.example") and f"ServerName {host}" in ours
    ours, static, (path, file, host) = entries.aliases(100, "/srv/app.py", "/srv/files")
    assert f"WSGIScriptAlias {path} " in ours and f"Alias {file} " in static and host is None


def test_too_few_open_files_are_told():
    assert too_few(6000, 6000) == {}
    assert "4096 can be open, and 6000 are wanted (ulimit -Hn)" in report.markdown({**FOUND, "missing": too_few(4096, 6000)})


def test_who_may_not_open_more_files_gets_what_there_are():
    become = "os.setuid(65534); " if os.geteuid() == 0 else ""
    code = ("import os, resource; from bench.scaling.httpd import open_files; "
            f"resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); {become}print(open_files(1000))")
    done = subprocess.run([sys.executable, "-c", code], cwd=pathlib.Path(__file__).resolve().parents[1], capture_output=True, text=True)
    assert done.stdout == "64\n", done.stderr


def test_the_report_leaves_out_what_was_not_measured():
    text = report.markdown(FOUND)
    assert "mod_wsgi of PyPI is missing: no network" in text
    assert "| 500 | this module, processes=0-1 | 1.25 |  |  |" in text and "httpd -t" not in text
    assert "4,999 of 5,000 clients" in text and "3.2 KiB" in text
    assert report.markdown({**FOUND, "groups": [], "connections": None}).count("##") == 2


def test_curves_are_drawn_from_zero():
    picture = ElementTree.fromstring(curve.svg(report.panels(FOUND)))
    lines = picture.findall("{*}polyline")
    assert len(lines) == 7, "panels without figures are left out"
    first = [tuple(map(float, point.split(","))) for point in lines[0].get("points").split()]
    (left, low), (right, high) = first
    assert left < right == curve.WIDTH - curve.RIGHT and low > high == curve.TOP
    assert curve.svg([]).count("<polyline") == 0
