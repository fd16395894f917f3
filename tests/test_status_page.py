"""SetHandler wsgi-status (docs/status.md): the page and its JSON, in both modes, and while processes are stuck, dead or
cannot start."""

import json
import os
import re
import signal
from html.parser import HTMLParser

import pytest
from support import processes
from support.processes import stopped, wait_until
from support.status import APPLICATION, Site

HISTOGRAM = {"count", "sum", "p50", "p95", "p99", "buckets"}
REQUESTS = {"total", "statuses", "applications", "latency", "queue_time", "bytes_in", "bytes_out"}
GROUP = {"name", "state", "reason", "threads", "processes", "queue", "requests", "lost", "workers", "starts", "ends",
         "last_ends", "errors", "last_error"}  # fmt: skip
WORKER = {"slot", "pid", "generation", "state", "age", "requests", "busy", "running", "memory", "cpu"}
HOSTILE = "/wait<script>alert(1)</script>'x'&amp;\"onload=\""


@pytest.fixture
def site(serve, mode):
    """The site, in both modes."""
    return Site(serve, mode)


def background(site, path):
    """A request whose answer nobody waits for, with its connection."""
    connection = site.server.connect()
    connection.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


def running(group, path):
    """The requests that its workers run, below a path."""
    return [request for worker in group["workers"] for request in worker["running"] if request["path"].startswith(path)]


def nodes(page):
    """All elements of a page: names and attributes; it fails where they are not nested."""
    found, opened = [], []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))
            if tag not in ("meta", "link"):
                opened.append(tag)

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    Parser().feed(page)
    assert not opened
    return found


def test_requests_are_counted(site):
    for path in ("/", "/missing", "/raise", "/late"):
        site.server.get(path)
    site.server.post("/", b"x" * 100)
    found = site.counted(5)
    assert found["total"] == 5
    assert found["statuses"] == {"1xx": 0, "2xx": 2, "3xx": 0, "4xx": 1, "5xx": 2}
    assert [served["name"] for served in found["applications"]] == ["%{GLOBAL}"]
    assert found["applications"][0]["statuses"] == found["statuses"] and found["applications"][0]["time"] > 0
    assert found["bytes_in"] == 100 and found["bytes_out"] >= 15
    latency = found["latency"]
    assert set(found) == REQUESTS and set(latency) == HISTOGRAM
    assert latency["count"] == 5 == sum(bucket["count"] for bucket in latency["buckets"]) and latency["sum"] > 0
    limits = [bucket["to"] for bucket in latency["buckets"]]
    assert limits[0] == 0.000064 and limits[-1] is None and limits[:-1] == sorted(limits[:-1])
    assert found["queue_time"]["count"] == (5 if site.mode == "daemon" else 0)


def test_the_last_error_is_shown_with_its_traceback(site):
    site.server.get("/raise")
    found = site.until(lambda group: group["last_error"], "the error")
    assert found["errors"] == 1 and found["last_error"]["age"] < 60
    assert "RuntimeError: a <b>failure</b> & its reason" in found["last_error"]["text"]
    assert "Traceback (most recent call last)" in found["last_error"]["text"]
    page = site.page().text
    assert "a &lt;b&gt;failure&lt;/b&gt; &amp; its reason" in page and "<b>failure" not in page


def test_the_page_is_html_that_strict_policies_allow(site):
    site.server.get("/")
    response = site.page()
    assert response.header("Content-Type") == "text/html; charset=utf-8"
    assert response.header("Cache-Control") == "no-store"
    policy = response.header("Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    found = nodes(response.text)
    assert not any(name == "style" or "style" in attributes for name, attributes in found)
    assert not any(attribute.startswith("on") for _, attributes in found for attribute in attributes)
    scripts = [attributes for name, attributes in found if name == "script"]
    assert scripts == [{"src": "?format=script", "defer": None}]
    assert site.page("?format=script").header("Content-Type") == "text/javascript; charset=utf-8"
    assert site.page("?format=style").header("Content-Type") == "text/css; charset=utf-8"


def test_the_form_is_chosen_by_query_or_header(site):
    assert json.loads(site.page("", [("Accept", "application/json")]).body)["schema"] == 1
    assert site.page("?format=json").header("Content-Type") == "application/json"
    browser = [("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")]
    assert site.page("", browser).text.startswith("<!DOCTYPE html>")
    assert site.page("?format=html", [("Accept", "application/json")]).text.startswith("<!DOCTYPE html>")


def test_without_scripts_the_page_can_reload_itself(site):
    assert site.page().header("Refresh") is None and "?refresh=5" in site.page().text
    assert site.page("?refresh=7").header("Refresh") == "7"
    assert site.page('?refresh=1"><script>').header("Refresh") is None


def test_only_get_and_head_are_answered(site):
    refused = site.server.post("/wsgi-status", b"x")
    assert refused.status == 405 and "GET" in refused.header("Allow")
    head = site.server.request("HEAD", "/wsgi-status")
    assert head.status == 200 and not head.body and int(head.header("Content-Length")) > 500


def test_running_requests_are_shown_and_escaped(serve):
    site = Site(serve, "daemon")
    with background(site, HOSTILE + "?secret=token"):
        (request,) = running(site.until(lambda group: running(group, "/wait"), "the request"), "/wait")
        assert request["method"] == "GET" and request["path"] == HOSTILE and request["age"] >= 0 and request["id"]
        document, page = json.dumps(site.status()), site.page().text
        assert "secret" not in document and "secret" not in page
        assert "/wait&lt;script&gt;alert(1)&lt;/script&gt;&#39;x&#39;&amp;amp;&quot;onload=&quot;" in page
        assert [name for name, _ in nodes(page)].count("script") == 1
        site.release()


def test_embedded_mode_counts_threads_that_answer(serve):
    """Two: httpd's own, which shows the page, and that of the application. What it runs is known with ExtendedStatus only."""
    site = Site(serve, "embedded")
    with background(site, "/wait"):
        found = site.until(lambda group: sum(child["busy"] for child in group["children"]) == 2, "the request")
        assert "/wait" not in json.dumps(found)
        site.release()


def test_embedded_mode_shows_running_requests_with_extended_status(serve):
    site = Site(serve, "embedded", more="ExtendedStatus On\n")
    with background(site, "/wait/a?secret=token"):
        found = site.until(lambda group: "/wait/a" in json.dumps(group["children"]), "the request")
        assert "secret" not in json.dumps(found) and any(child["memory"] for child in found["children"])
        site.release()


def test_a_group_is_shown_with_all_there_is_to_it(serve):
    site = Site(serve, "daemon", "processes=2 threads=3 listen-backlog=50")
    site.server.get("/")
    group = site.until(lambda group: [worker["state"] for worker in group["workers"]] == ["serving"] * 2, "two workers")
    assert set(group) == GROUP and (group["name"], group["state"], group["threads"]) == ("app", "running", 3)
    assert group["processes"]["target"] == 2 and group["queue"] == {"length": 0, "limit": 50, "age": None}
    assert group["starts"] == 2 and group["ends"] == {} and group["lost"] == {}
    for worker in group["workers"]:
        assert set(worker) == WORKER and processes.alive(worker["pid"]) and worker["generation"] == 0
        assert worker["memory"] > 1 << 20 and worker["cpu"] >= 0 and worker["age"] >= 0
    page = site.page().text
    assert "Threads busy" in page and f'data-label="Process">{group["workers"][0]["pid"]}<' in page


def test_a_full_queue_is_shown(serve):
    site = Site(serve, "daemon", "processes=1 threads=1")
    waiting = [background(site, f"/wait/{number}") for number in range(4)]
    try:
        # All four wait in the queue until the process has come up.
        is_full = lambda group: group["queue"]["length"] == 3 and group["queue"]["age"] is not None  # noted right after the length
        group = site.until(lambda group: group["workers"][0]["busy"] == 1 and is_full(group), "the queue")
        assert group["queue"]["age"] >= 0
        assert "not empty for" in site.page().text
    finally:
        site.release()
    site.counted(4)
    assert site.until(lambda group: group["queue"]["length"] == 0, "the queue's end")["queue"]["age"] is None
    assert site.group()["requests"]["queue_time"]["sum"] > 0
    for connection in waiting:
        connection.close()


def test_it_works_while_every_daemon_is_stuck(serve):
    site = Site(serve, "daemon", "processes=2 threads=2")
    site.server.get("/")
    workers = site.until(lambda group: len(group["workers"]) == 2, "two workers")["workers"]
    stuck = [worker["pid"] for worker in workers]
    with stopped(*stuck, processes.parent(stuck[0])), background(site, "/stuck"):  # the leader, too
        group = site.until(lambda group: group["workers"] and site.page().status == 200, "an answer")
        assert [worker["pid"] for worker in group["workers"]] == stuck
        assert site.server.get("/wsgi-metrics").text.endswith("# EOF\n")


def test_a_killed_worker_is_an_end_with_a_reason(serve):
    site = Site(serve, "daemon", "processes=1 threads=2")
    site.server.get("/")
    (worker,) = site.until(lambda group: group["workers"], "a worker")["workers"]
    with background(site, "/wait/for/death"):
        site.until(lambda group: running(group, "/wait/for/death"), "the request")
        os.kill(worker["pid"], signal.SIGKILL)
        group = site.until(lambda group: group["ends"] and group["lost"] and group["last_error"], "the end")
        assert group["ends"] == {"killed": 1} and group["lost"] == {"worker_died": 1}
        (end,) = group["last_ends"]
        assert (end["pid"], end["reason"]) == (worker["pid"], "killed") and "SIGKILL" in end["how"]
        assert "was lost" in group["last_error"]["text"]
        group = site.until(lambda group: any(new["state"] == "serving" for new in group["workers"]), "a new worker")
        assert group["starts"] == 2 and worker["pid"] not in [new["pid"] for new in group["workers"]]
        assert "killed 1" in site.page().text


def test_reasons_of_restarts_and_counts_outlive_them(serve):
    site = Site(serve, "daemon", "processes=1 threads=2 maximum-requests=3")
    for _ in range(3):
        site.server.get("/")
    group = site.until(lambda group: group["ends"].get("maximum_requests") == 1, "the end")
    assert group["last_ends"][0]["reason"] == "maximum_requests" and group["requests"]["total"] == 3
    site.server.graceful()
    group = site.until(lambda group: any(worker["generation"] == 1 for worker in group["workers"]), "a new generation")
    assert group["requests"]["total"] == 3, "a graceful restart sets nothing back"


def test_embedded_counts_outlive_a_graceful_restart(serve):
    site = Site(serve, "embedded")
    site.server.get("/")
    site.counted(1)
    site.server.graceful()
    site.server.get("/")
    assert site.counted(2)["total"] == 2
    children = site.group()["children"]
    assert {child["pid"] for child in children if child["state"] == "serving"} & set(site.server.httpd_children())


def test_a_group_that_cannot_start_says_why(serve):
    site = Site(serve, "daemon", "threads=2 python-home=${ROOT}/no-such-python", more="WSGIImportScript ${ROOT}/htdocs/site.wsgi "
                "process-group=app application-group=%{GLOBAL}\n", run=False)
    home = site.server.root / "no-such-python" / "bin"
    home.mkdir(parents=True)
    (home / "python3").write_text("#!/bin/sh\necho 'no <such> Python' >&2\nexit 3\n")
    (home / "python3").chmod(0o755)
    site.server.start()
    group = site.until(lambda group: group["state"] == "failing", "the failure")
    assert "no <such> Python" in group["reason"]
    assert site.server.get("/").status == 503
    assert site.until(lambda group: group["lost"].get("failing"), "the loss")
    page = site.page().text
    assert 'class="state failing"' in page and "no &lt;such&gt; Python" in page and "<such>" not in page


def test_a_script_that_raises_when_it_is_loaded_is_the_last_error(serve, mode):
    site = Site(serve, mode, application="import no_such_module\n")
    assert site.server.get("/").status == 500
    group = site.until(lambda group: group["last_error"], "the error")
    assert "No module named 'no_such_module'" in group["last_error"]["text"]
    assert site.counted(1)["statuses"]["5xx"] == 1


def test_requests_that_nobody_takes_are_counted_by_reason(serve):
    site = Site(serve, "daemon", "processes=1 threads=1 queue-timeout=2")
    site.until(lambda group: [worker["state"] for worker in group["workers"]] == ["serving"], "the process, or the first request waits too long")
    with background(site, "/wait/a"):
        site.until(lambda group: running(group, "/wait/a"), "the request")
        assert site.server.get("/").status == 504
        assert site.group()["lost"] == {"queue_timeout": 1}
        site.release()


def test_application_groups_are_counted_apart(serve, mode):
    more = "".join(f"WSGIScriptAlias /other{n} ${{ROOT}}/htdocs/site.wsgi application-group=other{n}\n" for n in range(20))
    site = Site(serve, mode, more="", run=False)
    site.server.reconfigure("WSGIScriptAlias / ", more + "WSGIScriptAlias / ")
    site.server.start()
    for number in range(18):
        site.server.get(f"/other{number}")
        found = site.counted(number + 1)  # places are taken with the count
    names = [served["name"] for served in found["applications"]]
    assert names == [f"other{n}" for n in range(16)] + ["%{OTHERS}"], "no more than are kept apart"
    assert sum(served["statuses"]["2xx"] for served in found["applications"]) == 18


def test_nobody_without_the_right_gets_it(serve):
    site = Site(serve, "daemon", run=False)
    site.server.reconfigure("Require local", "Require ip 192.0.2.1")
    site.server.start()
    refused = site.server.get("/wsgi-status?format=json")
    assert refused.status == 403 and "groups" not in refused.text
    assert site.server.get("/wsgi-metrics").status == 403


def test_a_location_without_groups_is_empty(serve):
    server = serve("<Location /wsgi-status>\nSetHandler wsgi-status\n</Location>\nWSGIRestrictEmbedded On\n")
    found = json.loads(server.get("/wsgi-status?format=json").body)
    assert found["groups"] == [] and found["embedded"] is None
    assert server.get("/wsgi-status").status == 200


def test_several_groups_are_linked(serve):
    more = "WSGIDaemonProcess other threads=2\nWSGIDaemonProcess service threads=0\n"
    site = Site(serve, "daemon", more=more)
    found = wait_until(lambda: (all_ := site.status()["groups"]) and all(g["workers"] or g["threads"] == 0 for g in all_) and all_)
    assert [group["name"] for group in found] == ["app", "other", "service"]
    page = site.page().text
    assert re.findall(r'href="#group-(\d)"', page) == ["0", "1", "2"] == re.findall(r'section id="group-(\d)"', page)


def test_the_rest_of_the_site_is_left_alone(serve):
    site = Site(serve, "daemon", application=APPLICATION.replace("hello", "howdy"))
    assert site.server.get("/").body == b"howdy"
