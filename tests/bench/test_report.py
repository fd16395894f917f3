"""The pure parts of the benchmark: medians, verdicts, the Markdown, the chart, and what is read from wrk, perf and strace.

No server is started here.
"""

import subprocess
import xml.etree.ElementTree as xml

import pytest

from bench import chart, figures, load, peers, report, syscalls, targets, workloads
from bench.failure import Failure
from bench.measure import Plan, answered

FACTS = {"date": "2026-01-02", "cpu": "a processor", "cores": 2, "kernel": "6", "httpd": "2.4", "python": "3.11",
         "versions": {"wrk": "4"}, "rounds": 3, "seconds": 1, "calls": "perf", "counted": True}


def cell(server, cpu, workload="hello", connections=16, **more):
    return {"workload": workload, "server": server, "connections": connections, "requests": 1000, "closed": 50,
            "rate": 1e6 / cpu, "p50": 100, "p99": 200, "p999": 300, "cpu": cpu, "switches": 2.0, "pss": 2048, **more}


def test_medians_are_taken_over_rounds_of_the_same_cell():
    found = figures.medians([cell("daemon", 30), cell("daemon", 10), cell("daemon", 14, calls=26.0), cell("daemon", 99, connections=1)])
    assert found["hello", "daemon", 16]["cpu"] == 14
    assert found["hello", "daemon", 16]["calls"] == 26.0
    assert found["hello", "daemon", 16]["spread"] == pytest.approx(20 / 14)
    assert found["hello", "daemon", 1]["calls"] is None


def verdict(title, cells):
    found = targets.verdicts(figures.medians(cells))
    return next(one for one in found if one.target.title == title)


@pytest.mark.parametrize(("cpu", "met"), [(24, True), (26, False)])
def test_a_target_of_speed_is_judged_by_cpu_time(cpu, met):
    judged = verdict("Hello world embedded: speed, against httpd's static file", [cell("embedded", cpu), cell("static", 20)])
    assert judged.met is met
    assert judged.ratio == pytest.approx(20 / cpu)


@pytest.mark.parametrize(("cpu", "met"), [(50, True), (51, False)])
def test_a_target_of_cost_is_judged_the_other_way(cpu, met):
    judged = verdict("Upload: CPU, against mod_wsgi daemon",
                     [cell("daemon", cpu, "upload"), cell("mod_wsgi 6.1 daemon", 100, "upload")])
    assert judged.met is met


def test_a_target_without_its_peer_is_not_measured():
    assert verdict("Upload: CPU, against mod_wsgi daemon", [cell("daemon", 5, "upload")]).met is None


def test_targets_name_what_there_is():
    for target in targets.TARGETS:
        assert target.workload in workloads.BY_NAME
        for server in (target.ours, target.theirs):
            takes_part_in = peers.BY_NAME[server].workloads
            assert not takes_part_in or target.workload in takes_part_in
        assert (target.at_least is None) != (target.at_most is None)


def test_the_report_leaves_nobody_out():
    text = report.markdown(FACTS, [cell("embedded", 40), cell("static", 20), cell("embedded", 41, connections=1)],
                           {("daemon", "hello"): "ended with 1\nfirst line of the log"}, {"granian": "pip could not install it"})
    assert "| 0.50 × | 0.50 × | **not met** |" in text
    assert "Not available: granian: pip could not install it." in text
    assert "Failed: daemon with hello: ended with 1 / first line of the log" in text
    assert "hello, 16 connections: embedded 5%, static 5%." in text
    assert text.index("16 connections:") < text.index("1 connection:")


def test_large_bodies_are_given_per_mebibyte():
    rows = report.table(workloads.BY_NAME["file"], {"static": figures.summary([cell("static", 5000)])})
    assert list(rows)[2].startswith("| static | 500 | 2,000 |")


def test_the_chart_has_a_bar_for_each_server_the_shortest_first():
    picture = xml.fromstring(chart.svg(figures.medians([cell("<slow>", 40), cell("daemon", 20)]), {"daemon"}))
    bars = picture.findall("{http://www.w3.org/2000/svg}rect")
    assert [bar.get("class") for bar in bars] == ["bar ours", "bar"]
    assert [int(bar.get("width")) for bar in bars] == [chart.BARS // 2, chart.BARS]


def wrk(text, code=0):
    return subprocess.CompletedProcess([], code, "", text)


def test_what_wrk_saw_is_read():
    seen = load.parse(wrk('noise\n{"requests":10,"duration":1000000,"bytes":5,"p50":1,"p99":2,"p999":3,"failed":0,"closed":1}\n'))
    assert (seen.requests, seen.p999, seen.closed) == (10, 3, 1)


@pytest.mark.parametrize("done", [wrk("unable to connect", 1), wrk("")])
def test_wrk_that_measured_nothing_is_a_failure(done):
    with pytest.raises(Failure, match="wrk ended"):
        load.parse(done)


def test_a_download_that_the_end_cut_off_counts_in_part():
    seen = load.Seen(requests=3, duration=1, bytes=35 << 20, p50=1, p99=1, p999=1, failed=0, closed=0)
    assert answered(seen, workloads.BY_NAME["file"]) == 3.5
    assert answered(seen, workloads.BY_NAME["hello"]) == 3


def test_counts_of_perf_and_strace_are_read():
    assert syscalls.perf_calls("# started\n\n12345,,raw_syscalls:sys_enter,1000,100.00,,\n") == 12345
    assert syscalls.strace_calls("100.00    0.000001           0        29         1 total\n") == 29
    assert syscalls.strace_calls("100.00    0.000001           0        29           total\n") == 29
    for read in (syscalls.perf_calls, syscalls.strace_calls):
        with pytest.raises(Failure, match="counted nothing"):
            read("<not counted>,,raw_syscalls:sys_enter")


def test_servers_next_to_each_other_do_the_same():
    plan = Plan(list(peers.SERVERS), list(workloads.WORKLOADS), [1], 1, 1)
    pairs = [(server.name, workload.name) for server, workload in plan.pairs()]
    assert pairs.index(("granian", "hello")) < pairs.index(("embedded", "django"))
    assert ("static", "file") in pairs
    assert ("static", "django") not in pairs
    assert plan.counts(workloads.BY_NAME["hello"]) == [1]
