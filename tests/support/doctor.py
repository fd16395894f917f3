"""What `httpd -t` finds in a configuration, as a program reads it."""

import json
import subprocess


def examine(server):
    """The findings of a server's configuration, each a dictionary, and the exit status; both ways of telling agree."""
    result = subprocess.run(server.command("-t", "-D", "DUMP_WSGI_DOCTOR"), capture_output=True, text=True,
                            env=server._environment(), cwd="/", timeout=60, **server._identity())
    findings = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    for finding in findings:
        assert finding["text"] in result.stderr, result.stderr
        assert finding["what"] in finding["text"] and finding["text"].endswith(finding["remedy"]), finding
        assert "\n" not in finding["text"]
    return findings, result.returncode


def only(server, severity="warning"):
    """The one finding that there is; httpd would start but for an error."""
    findings, status = examine(server)
    assert [finding["severity"] for finding in findings] == [severity], findings
    assert (status == 0) is (severity != "error")
    return findings[0]
