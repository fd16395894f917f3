"""mod_wsgi-express and mod_wsgi's: every option of the original is known here, documented, and shown by a test.

A unit test compares the tables of docs/express.md with the options themselves (crates/express/src/describe.rs).
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from support import httpd
from support.access import certificate
from support.express import program

pytestmark = pytest.mark.ours
PAGE = (httpd.REPOSITORY / "docs/express.md").read_text()
TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_express*.py") if path.name != Path(__file__).name)

# The options of mod_wsgi 6.1.1, without dashes.
ORIGINAL = """access-log access-log-format access-log-name add-handler allow-localhost allow-override application-group application-type auth-group
    auth-group-script auth-type auth-user-script body-max-timeout body-min-rate body-timeout callable-object chunked-request
    compress-responses connect-timeout coverage-directory cpu-time-limit daemon-backlog deadlock-timeout debug-mode debugger-startup
    directory-index directory-listing disable-reloading document-root embedded-mode enable-coverage enable-debugger enable-docs enable-gdb
    enable-profiler enable-recorder enable-sendfile enable-telemetry entry-point envvars-script error-document error-log-format
    error-log-name error-override eviction-timeout free-threading gdb-executable graceful-timeout group header-buffer-size
    header-max-timeout header-min-rate header-timeout host host-access-script hsts-policy http2 httpd-executable https-only https-port
    ignore-activity inactivity-timeout include-file initial-workers interrupt-timeout keep-alive-timeout lang limit-request-body locale
    log-directory log-level log-to-terminal map-head-to-get max-clients max-log-size maximum-requests maximum-spare-workers mime-types
    minimum-spare-workers modules-directory mount-point newrelic-config-file newrelic-environment orphan-interpreter passenv pid-file port
    process-group process-name processes profiler-directory proxy-mount-point proxy-timeout proxy-url-alias proxy-virtual-host python-eggs
    python-path python-warnings queue-timeout receive-buffer-size recorder-directory reload-on-changes request-timeout
    response-buffer-size response-flush-delay response-socket-timeout restart-interval rewrite-rules rotate-logs rotatelogs-executable
    send-buffer-size server-alias server-backlog server-metrics server-mpm server-name server-root server-status service-group
    service-log-file service-script service-user setenv setup-only shell-executable shutdown-timeout slow-requests socket-prefix
    socket-timeout ssl-ca-certificate-file ssl-certificate ssl-certificate-chain-file ssl-certificate-file ssl-certificate-key-file
    ssl-environment ssl-port ssl-verify-client startup-log startup-log-name startup-timeout switch-interval telemetry-interval
    telemetry-options telemetry-service telemetry-ui-port threads trust-proxy trust-proxy-header url-alias user verbose-debugging
    with-cgi with-newrelic with-newrelic-agent with-newrelic-platform with-php5 working-directory""".split()
OTHER_NAMES = {"lang", "ssl-port", "proxy-url-alias"}
ADDED = {"python-home", "module"}
# The defaults of the original that a user would notice.
DEFAULTS = {"port": "8000", "threads": "5", "application-type": "script", "callable-object": "application", "mount-point": "/",
            "application-group": "%{GLOBAL}", "keep-alive-timeout": "2", "limit-request-body": "10485760", "maximum-requests": "0",
            "request-timeout": "60", "interrupt-timeout": "0", "startup-timeout": "15", "shutdown-timeout": "5", "graceful-timeout": "15",
            "eviction-timeout": "0", "deadlock-timeout": "60", "inactivity-timeout": "0", "restart-interval": "0", "cpu-time-limit": "0",
            "connect-timeout": "15", "queue-timeout": "45", "socket-timeout": "60", "response-socket-timeout": "0", "header-timeout": "15",
            "header-max-timeout": "30", "header-min-rate": "500", "body-timeout": "15", "body-max-timeout": "0", "body-min-rate": "500",
            "server-backlog": "500", "daemon-backlog": "100", "send-buffer-size": "0", "receive-buffer-size": "0", "header-buffer-size": "0",
            "response-flush-delay": "5", "map-head-to-get": "Auto", "auth-type": "Basic", "auth-group": "wsgi", "log-level": "warn",
            "access-log-format": "common", "access-log-name": "access_log", "error-log-name": "error_log", "startup-log-name": "startup_log",
            "max-log-size": "5", "telemetry-interval": "1.0"}


def options():
    """The table, by name without dashes."""
    rows = json.loads(subprocess.run([program(), "options"], check=True, capture_output=True, timeout=30).stdout)
    return {row["name"].lstrip("-"): row for row in rows}


def test_every_option_of_the_original_is_known():
    assert set(options()) | OTHER_NAMES == set(ORIGINAL) | ADDED


def test_defaults():
    assert {name: row["default"] for name, row in options().items() if row["default"] is not None} == DEFAULTS


def test_every_option_is_documented():
    for name in ORIGINAL:
        assert f"`--{name}" in PAGE, f"docs/express.md does not have --{name}"


def test_every_option_is_shown_by_a_test():
    """By its own name in a command line of another file."""
    for name, row in options().items():
        if not row["hidden"]:
            assert re.search(rf"\"--{name}[\"=]|\"{name}\"", TESTS), f"no test uses --{name}"


def test_help_has_every_option():
    shown = subprocess.run([program(), "start-server", "--help"], check=True, capture_output=True, text=True, timeout=30).stdout
    for name, row in options().items():
        assert (f"--{name}" in shown) or row["hidden"], name


# What a value may be by its name in the table, and options for which that will not do; None: not together with the others.
VALUES = {"NUMBER": "3", "SECONDS": "7", "BYTES": "9000", "MILLISECONDS": "6", "FRACTION": "0.5", "URL": "/u", "FILE": "file", "DIR": "folder",
          "NAME": "name", "KEY": "OWN_KEY", "VALUE": "value", "HOSTNAME": "example.com", "TARGET": "http://127.0.0.1:9/", "EXTENSION": ".own",
          "SCRIPT": "file", "STATUS": "404", "PATH": "folder", "USER": "daemon", "GROUP": "daemon", "MB": "5", "PARAMS": "max-age=1"}
SPECIAL = {"--host": ["localhost"], "--port": None, "--https-port": ["8443"], "--ssl-certificate-key-file": None, "--ssl-certificate-file": None,
           "--ssl-certificate": ["own"], "--ssl-certificate-chain-file": ["own.crt"], "--ssl-ca-certificate-file": ["own.crt"],
           "--server-mpm": ["event"], "--trust-proxy": ["10.0.0.1"], "--trust-proxy-header": ["X-Forwarded-For"], "--log-level": ["info"],
           "--telemetry-service": ["unix:/tmp/x"], "--telemetry-options": ["None"], "--python-home": ["/usr"], "--python-warnings": ["error"],
           "--locale": ["C.UTF-8"], "--allow-override": ["All"], "--error-document": ["404", "/u"], "--auth-group": ["name"],
           "--access-log-format": ["own"], "--error-log-format": ["%M"], "--map-head-to-get": ["On"], "--auth-type": ["Basic"],
           "--free-threading": None, "--module": None, "--modules-directory": None, "--server-root": None, "--user": None, "--group": None,
           "--log-to-terminal": None, "--disable-reloading": [], "--mime-types": ["/dev/null"]}


def test_every_option_becomes_what_its_help_says(express):
    """All options with a directive in one command line: each directive is in httpd.conf."""
    for suffix, made in zip((".crt", ".key"), certificate(express.folder)):
        made.rename(express.folder / f"own{suffix}")
        if express.identity():
            os.chown(express.folder / f"own{suffix}", express.identity()["user"], -1)
    express.write("file", "")
    (express.folder / "folder").mkdir()
    line, asked = [], []
    for row in options().values():
        words = SPECIAL.get(row["name"], [VALUES.get(name, name) for name in row["values"]])
        is_for_root = row["name"] in ("--service-user", "--service-group")
        if row["becomes"] and not row["hidden"] and words is not None and (express.user == "root" or not is_for_root):
            asked.append((row["name"], row["becomes"]))
            line += [row["name"], *words]
    result = express.setup("wsgi.py", *line)
    assert result.returncode == 0, result.stderr
    conf = express.conf()
    for name, becomes in [*asked, ("--port", "Listen"), ("--module", "LoadModule"), ("--server-root", "ServerRoot")]:
        directive, _, option = becomes.partition(" ")
        assert re.search(rf"^ *{directive}\b.*{re.escape(option)}", conf, re.M), f"{name}: no {becomes} in\n{conf}"
    assert len(asked) > 80


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(shell):
    script = subprocess.run([program(), "completions", shell], check=True, capture_output=True, text=True, timeout=30).stdout
    assert all(name in script for name, row in options().items() if not row["hidden"])
    if shell == "bash":
        asked = f"{script}\nCOMP_WORDS=(mod_wsgi-express start-server --request-t); COMP_CWORD=2\n_mod_wsgi__express mod_wsgi-express " \
                "--request-t start-server; echo ${COMPREPLY[@]}"
        assert subprocess.run(["bash", "-c", asked], capture_output=True, text=True, timeout=30).stdout.strip() == "--request-timeout"
