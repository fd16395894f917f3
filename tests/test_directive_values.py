"""Values of directives: what is refused, with file, line and what is allowed, and what is accepted in which spelling."""

import pytest

FLAGS = """WSGICaseSensitivity WSGIChunkedRequest WSGIDestroyInterpreter WSGIDontWriteBytecode WSGIEnableSendfile WSGIErrorOverride
    WSGIFreeThreading WSGIPassApacheRequest WSGIPassAuthorization WSGIPerInterpreterGIL WSGIRestrictEmbedded WSGIRestrictSignal
    WSGIRestrictStdin WSGIRestrictStdout WSGIScriptReloading WSGIServerMetrics WSGISocketRotation WSGIVerboseDebugging""".split()

# Each: the line, and what the message says besides file and line.
REFUSED = {
    "two words": ("WSGIPythonHome /usr /usr", ["WSGIPythonHome"]),
    "no word": ("WSGIPythonPath", ["WSGIPythonPath"]),
    "mutex": ("WSGIAcceptMutex futex", ["WSGIAcceptMutex", "futex", "posixsem"]),
    "seed too large": ("WSGIPythonHashSeed 4294967296", ["4294967296"]),
    "negative seed": ("WSGIPythonHashSeed -1", ["-1"]),
    "interval 0": ("WSGISwitchInterval 0", ["0"]),
    "interval below 0": ("WSGISwitchInterval -1", ["-1"]),
    "map head": ("WSGIMapHEADToGET Yes", ["Yes", "Auto"]),
    "address of a proxy": ("WSGITrustedProxies proxy.example.com", ["proxy.example.com"]),
    "handler without a script": ("WSGIHandlerScript name", ["WSGIHandlerScript"]),
    "callable of a handler": ("WSGIHandlerScript name /x callable-object=a", ["callable-object"]),
    "dispatch without a script": ("WSGIDispatchScript", ["WSGIDispatchScript"]),
    "option of dispatch": ("WSGIDispatchScript /x callable-object=a", ["callable-object"]),
    "empty group of dispatch": ("WSGIDispatchScript /x application-group=", ["application-group"]),
    "import without an interpreter": ("WSGIImportScript /x process-group=%{GLOBAL}", ["application-group"]),
    "telemetry by tcp": ("WSGITelemetryService tcp:localhost:1", ["tcp:localhost:1", "unix:"]),
    "telemetry too often": ("WSGITelemetryService unix:/x interval=0.4", ["0.4", "0.5"]),
    "telemetry with junk": ("WSGITelemetryService unix:/x every=1", ["every"]),
    "slow requests below 0": ("WSGISlowRequests -0.5", ["-0.5"]),
    "telemetry options": ("WSGITelemetryOptions", ["WSGITelemetryOptions"]),
    "unknown telemetry option": ("WSGITelemetryOptions Everything", ["Everything"]),
    "telemetry options, mixed": ("WSGITelemetryOptions +CaptureUserAgent CaptureUserAgent", ["CaptureUserAgent", "+"]),
    "+All": ("WSGITelemetryOptions +All", ["All"]),
    "-None": ("WSGITelemetryOptions -None", ["None"]),
    "lone +": ("WSGITelemetryOptions +", ["+"]),
    "access without a script": ("<Location />\nWSGIAccessScript\n</Location>", ["WSGIAccessScript"]),
    "option of access": ("<Location />\nWSGIAccessScript /x user=a\n</Location>", ["user"]),
    "users without a script": ("<Location />\nWSGIAuthUserScript\n</Location>", ["WSGIAuthUserScript"]),
    "groups without a script": ("<Location />\nWSGIAuthGroupScript\n</Location>", ["WSGIAuthGroupScript"]),
    "authoritative": ("<Location />\nWSGIGroupAuthoritative 1\n</Location>", ["WSGIGroupAuthoritative", "On", "Off"]),
    "WSGILazyInitialization": ("WSGILazyInitialization On", ["Invalid command"]),
    "WSGIUserAuthoritative": ("<Location />\nWSGIUserAuthoritative On\n</Location>", ["Invalid command"]),
}
# Refused by this module only.
OURS = {
    "local redirect": ("WSGILocalRedirect Maybe", ["Maybe", "Auto, On or Off"]),
    "optimize": ("WSGIPythonOptimize fast", ["fast", "whole number"]),
    "junk behind an interval": ("WSGISwitchInterval 0.1x", ["0.1x"]),
    "unknown header": ("WSGITrustedProxyHeaders X-Forwarded-Fro", ["X-Forwarded-Fro", "did you mean `X-Forwarded-For`"]),
    "header with an underscore": ("WSGITrustedProxyHeaders X_Forwarded_For", ["X_Forwarded_For"]),
    "slow requests, no number": ("WSGISlowRequests slow", ["slow", "0 or more"]),
    "misspelt option of access": ("<Location />\nWSGIAccessScript /x proces-group=a\n</Location>", ["did you mean `process-group`"]),
    "misspelt telemetry option": ("WSGITelemetryOptions CaptureUserAgents", ["did you mean `CaptureUserAgent`"]),
    "group of an access script": ("<Location />\nWSGIAccessScript /x process-group=none\n</Location>", ["WSGIAccessScript", "`none`"]),
    "group of a dispatch script": ("WSGIDispatchScript /x process-group=none", ["WSGIDispatchScript", "`none`"]),
}
ACCEPTED = [
    "WSGIMapHEADToGET aUTO", "WSGIAcceptMutex DEFAULT", "WSGIPythonHashSeed 0", "WSGIPythonHashSeed random", "WSGISwitchInterval 1e-3",
    "WSGISlowRequests 0", "WSGITelemetryService unix:/run/x", "WSGITelemetryOptions captureuseragent", "WSGITelemetryOptions All",
    "WSGITelemetryOptions none", "WSGITelemetryOptions -CaptureUserAgent", "WSGIRestrictProcess", "WSGITrustedProxies fe80::1",
    "WSGIScriptAlias '/with blank' \"/a path\"", "WSGIPythonWarnings 'ignore:two words'", "WSGIPythonOptimize 3",
    "WSGIImportScript /x process-group='%{GLOBAL}' application-group=\"a b\"", "WSGIScriptAlias / /x process-group=%{ENV:X}",
    "WSGIApplicationGroup %{UNKNOWN}", "WSGITrustedProxies", "WSGITrustedProxyHeaders", "WSGIHandlerScript wsgi-script /x", "WSGIScriptAliasMatch ^/(\\w+) /x/$1 application-group=%{GLOBAL} process-group=%{GLOBAL}",
]


def configtest(serve, lines):
    return serve("Include ${ROOT}/tested.conf\n", run=False, files={"tested.conf": f"\n{lines}\n"}).configtest()


def refusal(serve, lines):
    """What httpd says about the last line of the file that holds a directive of ours."""
    result = configtest(serve, lines)
    assert result.returncode != 0
    number = 3 if lines.startswith("<") else 2
    assert f"line {number} of" in result.stderr, result.stderr
    return result.stderr


@pytest.mark.parametrize("case", REFUSED)
def test_refused(serve, case):
    refusal(serve, REFUSED[case][0])


@pytest.mark.ours
@pytest.mark.parametrize("case", [*REFUSED, *OURS])
def test_refused_with_the_reason(serve, case):
    lines, words = (REFUSED | OURS)[case]
    said = refusal(serve, lines)
    for word in words:
        assert word in said, said


@pytest.mark.parametrize("name", FLAGS)
def test_flags_are_on_or_off(serve, name):
    assert configtest(serve, f"{name} oN\n{name} OFF").returncode == 0
    for value in ("1", "yes", "true", "''", "On Off", ""):
        assert name in refusal(serve, f"{name} {value}")


@pytest.mark.parametrize("line", ACCEPTED)
def test_accepted(serve, line):
    result = configtest(serve, line)
    assert result.returncode == 0, result.stderr
