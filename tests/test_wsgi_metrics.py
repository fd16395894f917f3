"""SetHandler wsgi-metrics: OpenMetrics by the official parser, the older format by promtool, and the dashboard's queries."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import parser as older
from prometheus_client.openmetrics import parser
from support.processes import wait_until
from support.status import Site

ROOT = Path(__file__).resolve().parents[1]
DASHBOARD = ROOT / "conf-examples" / "grafana-dashboard.json"
ALERTS = ROOT / "conf-examples" / "prometheus-alerts.yml"
DOCUMENT = ROOT / "docs" / "status.md"


@pytest.fixture
def site(serve, mode):
    """The site, in both modes."""
    return Site(serve, mode, "processes=1 threads=4 maximum-requests=1000")


def metrics(site):
    """All families by name, after the official parser."""
    response = site.server.get("/wsgi-metrics", [("Accept", "application/openmetrics-text; version=1.0.0")])
    assert response.header("Content-Type") == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    return {family.name: family for family in parser.text_string_to_metric_families(response.text)}


def values(family, name=None):
    """Values by labels, of samples with that name."""
    return {tuple(sorted(sample.labels.items())): sample.value for sample in family.samples if name in (None, sample.name)}


def documented():
    """Names of metrics in the documents."""
    return set(re.findall(r"^\| `(mod_wsgi_\w+)` \|", DOCUMENT.read_text(), re.M))


def test_requests_are_counted(site):
    for path in ("/", "/", "/missing", "/raise"):
        site.server.get(path)
    site.counted(4)
    found = metrics(site)
    group = "app" if site.mode == "daemon" else "%{GLOBAL}"
    requests = values(found["mod_wsgi_requests"])
    labels = lambda code: (("application_group", "%{GLOBAL}"), ("code", code), ("process_group", group))
    assert [requests[labels(code)] for code in ("1xx", "2xx", "3xx", "4xx", "5xx")] == [0, 2, 0, 1, 1]
    duration = found["mod_wsgi_request_duration_seconds"]
    assert duration.type == "histogram" and duration.unit == "seconds"
    assert values(duration, "mod_wsgi_request_duration_seconds_count") == {(("process_group", group),): 4}
    assert values(duration, "mod_wsgi_request_duration_seconds_sum")[(("process_group", group),)] > 0
    assert values(found["mod_wsgi_errors"]) == {(("process_group", group),): 1}
    assert ("mod_wsgi_request_queue_seconds" in found) == (site.mode == "daemon")


def test_counters_never_fall(site):
    before = {}
    for _ in range(3):
        site.server.get("/")
        counters = {(sample.name, *sorted(sample.labels.items())): sample.value
                    for family in metrics(site).values() if family.type == "counter" for sample in family.samples}  # fmt: skip
        assert all(counters.get(key, 0) >= value for key, value in before.items())
        before = counters


def test_a_group_has_all_its_gauges(serve):
    site = Site(serve, "daemon", "processes=1-3 threads=4 listen-backlog=70")
    site.server.get("/")
    site.counted(1)
    found = metrics(site)
    app = (("process_group", "app"),)
    state = values(found["mod_wsgi_group_state"])
    assert [dict(labels)["state"] for labels, value in state.items() if value] == ["running"] and len(state) == 5
    for name, value in {"processes": 1, "processes_max": 3, "processes_target": 1, "threads": 4, "threads_busy": 0,
                        "queue_length": 0, "queue_limit": 70, "queue_nonempty_seconds": 0}.items():  # fmt: skip
        assert values(found[f"mod_wsgi_{name}"]) == {app: value}, name
    (worker,) = [dict(labels) for labels in values(found["mod_wsgi_worker_resident_memory_bytes"])]
    assert set(worker) == {"process_group", "slot"}
    lost = values(found["mod_wsgi_requests_lost"])
    assert len(lost) == 9 and set(lost.values()) == {0}, "a counter is there before it counts"


def test_hostile_names_break_nothing(serve):
    name = 'we"ird\\ {na}me'
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    conf = f'WSGIDaemonProcess "{quoted}" threads=1\nWSGIScriptAlias /odd ${{ROOT}}/htdocs/site.wsgi process-group="{quoted}"\n'
    site = Site(serve, "embedded", run=False)
    site.server.reconfigure("WSGIScriptAlias / ", conf + "WSGIScriptAlias / ")
    site.server.start()
    assert site.server.get("/odd").status == 200
    found = wait_until(lambda: [labels for labels in values(metrics(site)["mod_wsgi_requests"]) if name in dict(labels).values()])
    assert dict(found[0])["process_group"] == name
    assert site.page().status == 200 and site.status()["groups"][0]["name"] == name


def test_only_documented_metrics_are_there(serve):
    site = Site(serve, "daemon", "processes=1 threads=2 maximum-requests=2", more="ExtendedStatus On\n")
    for _ in range(4):
        site.server.get("/raise")
    site.until(lambda group: group["ends"], "an end")
    found = {name + ("_total" if family.type == "counter" else "") for name, family in metrics(site).items()}
    assert found == documented()


def test_the_format_is_the_clients_choice(site):
    site.server.get("/")
    site.counted(1)
    assert site.server.get("/wsgi-metrics").text.endswith("# EOF\n")
    plain = site.server.get("/wsgi-metrics", [("Accept", "text/plain;version=0.0.4")])
    assert plain.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8" and "# EOF" not in plain.text
    old = {sample.name for family in older.text_string_to_metric_families(plain.text) for sample in family.samples}
    new = {sample.name for family in metrics(site).values() for sample in family.samples}
    assert old == new


def test_promtool_has_nothing_to_say(site):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("THIS MACHINE HAS NO promtool (apt install prometheus): metrics are not linted")
    site.server.get("/")
    site.counted(1)
    text = site.server.get("/wsgi-metrics?format=prometheus").body
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_the_alerts_are_rules(site):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("THIS MACHINE HAS NO promtool (apt install prometheus): alerts are not checked")
    checked = subprocess.run([promtool, "check", "rules", ALERTS], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def names_in(expression):
    """The metrics of a query, as the documents name them."""
    found = set(re.findall(r"\bmod_wsgi_\w+", expression))
    return {re.sub(r"(_seconds)_(bucket|count|sum)$", r"\1", name) for name in found}


def queries(dashboard):
    """All queries of a dashboard: its panels', its variables'."""
    panels = [panel for row in dashboard["panels"] for panel in [row, *row.get("panels", [])]]
    found = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    found += [variable["query"]["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    return found


def test_the_dashboard_asks_for_metrics_that_exist():
    dashboard = json.loads(DASHBOARD.read_text())
    found = queries(dashboard)
    assert len(found) > 10
    for query in found:
        assert names_in(query) and names_in(query) <= documented(), query
    identities = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identities)) == len(identities)


def test_the_dashboards_queries_are_promql(tmp_path):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("THIS MACHINE HAS NO promtool (apt install prometheus): queries are not parsed")
    found = [query for query in queries(json.loads(DASHBOARD.read_text())) if not query.startswith("label_values")]
    rules = [{"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$interval", "5m")}
             for number, query in enumerate(found)]  # fmt: skip
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # JSON is YAML
    checked = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_alerts_ask_for_metrics_that_exist():
    expressions = re.findall(r"expr: (.*)", ALERTS.read_text())
    assert len(expressions) >= 5
    for expression in expressions:
        assert names_in(expression) and names_in(expression) <= documented(), expression
    assert ALERTS.read_text() in DOCUMENT.read_text(), "the document shows the file as it is"
