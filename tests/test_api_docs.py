"""docs/python-api.md has every name and key that there is, and no other."""

import re
import subprocess

import pytest
from support import httpd
from support.ask import ask
from support.metrics import PHASES, PROCESS, REQUEST
from test_events import CPU, EXCEPTION, FINISHED, RESPONSE, STARTED

DOCUMENT = (httpd.REPOSITORY / "docs" / "python-api.md").read_text()
ENDS = ("_min_us", "_max_us", "_buckets")


def table(heading):
    """{key: type} of the rows below a heading, up to the next."""
    found = re.search(rf"^(?:##+) {re.escape(heading)}\n(.*?)(?=^##|\Z)", DOCUMENT, re.M | re.S)
    assert found, f"docs/python-api.md has no section {heading}"
    return dict(re.findall(r"^\| `([\w.\[\]]+)` \| ([^|]+?) \|", found[1], re.M))


def paths(value, prefix=""):
    """The keys of nested dictionaries as the document writes them."""
    for key, inner in value.items():
        yield prefix + key
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            yield from paths(inner[0], f"{prefix}{key}[].")


@pytest.mark.parametrize("event, keys", [
    ("request_started", STARTED), ("response_started", RESPONSE), ("request_exception", EXCEPTION),
    ("request_finished", FINISHED | CPU), ("process_signal", {"signame", "signum"}),
    ("process_stopping", {"shutdown_reason"})])
def test_payloads(event, keys):
    # test_events.py compares these with the real ones
    assert set(table(event)) == keys


def test_request_metrics():
    documented = {key: kind for key, kind in table("request_metrics()").items() if not key.endswith(ENDS[:2])}
    example = {f"request_time{end}" for end in ENDS}
    assert example <= set(table("request_metrics()"))
    documented.pop("request_time_buckets")
    expected = {key: kind for key, kind in REQUEST.items() if not any(key == phase + end for phase in PHASES for end in ENDS)}
    assert documented == expected


def test_process_metrics():
    documented = {key: kind for key, kind in table("process_metrics()").items() if "[]" not in key}
    assert documented == PROCESS


def test_the_real_metrics(serve, mode):
    server = serve("WSGIServerMetrics On\nWSGIScriptAlias / ${APPS}/evaluate.py\n", mode, "threads=2 server-metrics=On")
    ask(server, "mod_wsgi.start_recording_metrics()")
    assert set(paths(ask(server, "mod_wsgi.process_metrics()"))) == set(table("process_metrics()"))
    assert set(paths(ask(server, "mod_wsgi.server_metrics()"))) == set(table("server_metrics()"))
    real = {key for key in ask(server, "mod_wsgi.request_metrics()")
            if not key.endswith(ENDS) or key in ("request_threads_buckets", *(f"request_time{end}" for end in ENDS))}
    assert real == set(table("request_metrics()"))


@pytest.mark.parametrize("module, heading", [("mod_wsgi", "Attributes"), ("apache", "apache")])
def test_names_and_their_types(serve, mode, module, heading):
    server = serve("WSGIScriptAlias / ${APPS}/evaluate.py\n", mode)
    real = ask(server, f"import {module}; answer = {{n: type(getattr({module}, n)).__name__ for n in dir({module}) if n[0] != '_'}}")
    documented = {name: kind.split(" of ")[0] for name, kind in table(heading).items()}
    real = {name: {"builtin_function_or_method": "function"}.get(kind, kind) for name, kind in real.items()}
    real.update({name: "type" for name in real if documented.get(name) == "type" and real[name] in ("type", "ABCMeta")})
    assert real == documented


def test_the_package_of_stubs_is_where_the_document_says():
    place = re.search(r"pip install (\S+)", DOCUMENT)[1]
    listed = subprocess.run(["ls", place], capture_output=True, text=True, cwd=httpd.REPOSITORY, check=True).stdout
    assert "pyproject.toml" in listed
