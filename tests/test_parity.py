"""docs/parity.md is complete, and what it says is shown by tests that exist.

Each table there has three columns: what, the verdict, and the tests. Names of the original are listed here, so that none
can be forgotten; names of ours are read from the code.
"""

import ast
import functools
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/parity.md").read_text()
CHECKED = "tests/host/test_requests.py"  # has one test with a parameter for each function of checks.py
VERDICT = re.compile(r"same|better \(.+\)|differs \(.+\)|added \(.+\)|not yet( \(.+\))?")

DIRECTIVES = """AcceptMutex AccessScript ApplicationGroup AuthGroupScript AuthUserScript CallableObject CaseSensitivity
    ChunkedRequest DaemonProcess DestroyInterpreter DispatchScript DontWriteBytecode EnableSendfile ErrorOverride FreeThreading
    GroupAuthoritative HandlerScript IgnoreActivity ImportScript InterpreterOptions MapHEADToGET PassApacheRequest PassAuthorization
    PerInterpreterGIL ProcessGroup PythonEggs PythonHashSeed PythonHome PythonOptimize PythonPath PythonWarnings RestrictEmbedded
    RestrictProcess RestrictSignal RestrictStdin RestrictStdout ScriptAlias ScriptAliasMatch ScriptReloading ServerMetrics
    SlowRequests SocketPrefix SocketRotation SwitchInterval TelemetryOptions TelemetryService TrustedProxies TrustedProxyHeaders
    VerboseDebugging""".split()
OPTIONS = """chroot connect-timeout cpu-priority cpu-time-limit deadlock-timeout display-name eviction-timeout graceful-timeout group
    header-buffer-size home inactivity-timeout interrupt-timeout lang listen-backlog locale maximum-requests memory-limit processes
    python-eggs python-home python-path queue-timeout receive-buffer-size request-timeout response-buffer-size response-flush-delay
    response-socket-timeout restart-interval script-group script-user send-buffer-size server-metrics shutdown-timeout socket-timeout
    socket-user stack-size startup-timeout supplementary-groups switch-interval threads umask user virtual-memory-limit""".split()
NAMES = """FileWrapper LogHandler RequestTimeout active_requests application_group event_callbacks maximum_processes
    process_group process_metrics request_data request_metrics server_metrics shutdown_callbacks signal_callbacks
    start_recording_metrics subscribe_events subscribe_shutdown subscribe_signals threads_per_process version""".split()
EVENTS = "process_signal process_stopping request_exception request_finished request_started response_started".split()


def tables():
    """{heading: [(what, verdict, tests)]} of the page."""
    found = {}
    for part in re.split(r"^## ", PAGE, flags=re.M)[1:]:
        heading, _, text = part.partition("\n")
        lines = [line for line in text.splitlines() if line.startswith("|")]
        if lines:
            found[heading] = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines[2:]]
    return found


ROWS = [(heading, *row) for heading, rows in tables().items() for row in rows]


def names(heading):
    """The names in backticks of a table's first column."""
    return {name for what, *_ in tables()[heading] for name in re.findall(r"`([^`]+)`", what)}


@functools.cache
def functions(path):
    """The names of a test file's functions."""
    file = ROOT / path
    assert file.is_file(), f"{path} does not exist"
    if file.suffix == ".rs":
        return set(re.findall(r"#\[test\]\s+fn (\w+)", file.read_text()))
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_row(row):
    assert len(row) == 4, row
    _, what, verdict, tests = row
    assert what and VERDICT.fullmatch(verdict), verdict
    cited = re.findall(r"`([^`]+)`", tests)
    if not verdict.startswith("not yet"):
        assert cited, f"no test shows this: {what}"
    for test in cited:
        path, _, name = test.partition("::")
        name, _, parameter = name.partition("[")
        assert name in functions(path), f"{path} has no {name}"
        if parameter and path == CHECKED:
            assert parameter.rstrip("]") in functions("tests/host/checks.py"), f"there is no check {parameter}"


def code(folder):
    """The Rust code of a folder without its unit tests."""
    return "\n".join(path.read_text().split("#[cfg(test)]")[0] for path in sorted((ROOT / folder).rglob("*.rs")))


def test_directives():
    ours = set(re.findall(r'c"<?(WSGI\w+)>?"', code("src/config")))
    assert len(ours) > 30
    original = {f"WSGI{name}" for name in DIRECTIVES}
    assert len(original) == 49
    assert names("Directives") == ours | original


def test_options():
    groups = "\n".join(path.read_text().split("#[cfg(test)]")[0] for path in sorted((ROOT / "src/config").rglob("process_*.rs")))
    ours = set(re.findall(r'\brow\(\s*"([a-z-]+)"', groups) + re.findall(r'name: "([a-z-]+)"', groups))
    assert len(ours) > 20 and len(OPTIONS) == 44
    assert names("Options of WSGIDaemonProcess") == ours | set(OPTIONS)


def test_python_names():
    assert set(NAMES) | set(EVENTS) | {"apache"} <= names("The Python modules")


def test_refused_options_are_not_called_done():
    """What the table of options refuses stands as "not yet", and the other way round."""
    refused = re.search(r"const NOT_YET: [^=]+= &?\[(.*?)\];", code("src/config"), re.S)
    expected = set(re.findall(r'"([a-z-]+)"', refused[1])) if refused else set()
    said = {name for what, verdict, _ in tables()["Options of WSGIDaemonProcess"] if verdict.startswith("not yet")
            for name in re.findall(r"`([^`]+)`", what)}
    assert said == expected
