"""The parts of `scale` and `startup` that need no server: configurations, tables and curves."""

from xml.etree import ElementTree

from bench.scaling import curve, entries, groups, report

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
