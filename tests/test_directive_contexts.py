"""Every directive of docs/directives.md in every context: accepted where the page says so, refused elsewhere."""

import pathlib
import re

import pytest
from support.server import Server

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs/directives.md").read_text()
DOCUMENTED = dict(re.findall(r"^### (?:`?<)?(WSGI\w+)(?:>`?)?\n(?:\n    .*|\n)*?    Context: (\S+?),?(?: <.*)?$", PAGE, re.M))
OURS = {"WSGIPythonLibrary", "WSGIPythonHost", "WSGILocalRedirect", "WSGITraceContext", "WSGIServerTiming", "WSGIRequestNotes"}

# A line of each that is right.
LINES = {
    "WSGIScriptAlias": "WSGIScriptAlias /x ${APPS}/hello.py callable-object=application pass-authorization=Off",
    "WSGIScriptAliasMatch": "WSGIScriptAliasMatch ^/(y) ${APPS}/hello.py application-group=$1",
    "WSGIHandlerScript": "WSGIHandlerScript mine ${APPS}/hello.py pass-authorization=On application-group=%{GLOBAL}",
    "WSGICallableObject": "WSGICallableObject application",
    "WSGIProcessGroup": "WSGIProcessGroup %{GLOBAL}",
    "WSGIApplicationGroup": "WSGIApplicationGroup %{GLOBAL}",
    "WSGIRestrictProcess": "WSGIRestrictProcess %{GLOBAL} app",
    "WSGIImportScript": "WSGIImportScript ${APPS}/hello.py process-group=%{GLOBAL} application-group=%{GLOBAL}",
    "WSGIScriptReloading": "WSGIScriptReloading Off",
    "WSGICaseSensitivity": "WSGICaseSensitivity On",
    "WSGIRestrictEmbedded": "WSGIRestrictEmbedded Off",
    "WSGIPassAuthorization": "WSGIPassAuthorization On",
    "WSGIChunkedRequest": "WSGIChunkedRequest On",
    "WSGIMapHEADToGET": "WSGIMapHEADToGET Auto",
    "WSGIErrorOverride": "WSGIErrorOverride On",
    "WSGIEnableSendfile": "WSGIEnableSendfile On",
    "WSGILocalRedirect": "WSGILocalRedirect Auto",
    "WSGIPassApacheRequest": "WSGIPassApacheRequest On",
    "WSGIIgnoreActivity": "WSGIIgnoreActivity On",
    "WSGITrustedProxyHeaders": "WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Proto",
    "WSGITrustedProxies": "WSGITrustedProxies 10.0.0.0/8 ::1 192.168.0.0/255.255.0.0",
    "WSGIAccessScript": "WSGIAccessScript ${APPS}/hello.py application-group=%{GLOBAL}",
    "WSGIAuthUserScript": "WSGIAuthUserScript ${APPS}/hello.py application-group=x",
    "WSGIAuthGroupScript": "WSGIAuthGroupScript ${APPS}/hello.py",
    "WSGIDispatchScript": "WSGIDispatchScript ${APPS}/dispatch.py",
    "WSGIGroupAuthoritative": "WSGIGroupAuthoritative Off",
    "WSGIDaemonProcess": "WSGIDaemonProcess another threads=2",
    "WSGIPythonHome": "WSGIPythonHome /usr",
    "WSGIPythonPath": "WSGIPythonPath ${APPS}:${ROOT}",
    "WSGIPythonEggs": "WSGIPythonEggs ${ROOT}/data",
    "WSGIPythonLibrary": "WSGIPythonLibrary /usr/lib/libpython.so",
    "WSGIPythonHost": "WSGIPythonHost /usr/lib/mod_wsgi_host.so",
    "WSGIPythonOptimize": "WSGIPythonOptimize 2",
    "WSGIPythonWarnings": "WSGIPythonWarnings ignore::DeprecationWarning",
    "WSGIPythonHashSeed": "WSGIPythonHashSeed 4294967295",
    "WSGIDontWriteBytecode": "WSGIDontWriteBytecode On",
    "WSGIDestroyInterpreter": "WSGIDestroyInterpreter Off",
    "WSGIInterpreterOptions": "<WSGIInterpreterOptions process-group=%{GLOBAL}>\n</WSGIInterpreterOptions>",
    "WSGISwitchInterval": "WSGISwitchInterval 0.01",
    "WSGIPerInterpreterGIL": "WSGIPerInterpreterGIL Off",
    "WSGIFreeThreading": "WSGIFreeThreading Off",
    "WSGIRestrictSignal": "WSGIRestrictSignal Off",
    "WSGIRestrictStdin": "WSGIRestrictStdin On",
    "WSGIRestrictStdout": "WSGIRestrictStdout On",
    "WSGITelemetryService": "WSGITelemetryService unix:${ROOT}/run/telemetry.sock interval=0.5",
    "WSGISlowRequests": "WSGISlowRequests 0.5",
    "WSGITelemetryOptions": "WSGITelemetryOptions +CaptureUserAgent",
    "WSGIServerMetrics": "WSGIServerMetrics On",
    "WSGITraceContext": "WSGITraceContext On sampled=0.1",
    "WSGIServerTiming": "WSGIServerTiming On",
    "WSGIRequestNotes": "WSGIRequestNotes On",
    "WSGISocketPrefix": "WSGISocketPrefix run/wsgi",
    "WSGISocketRotation": "WSGISocketRotation Off",
    "WSGIAcceptMutex": "WSGIAcceptMutex posixsem",
    "WSGIVerboseDebugging": "WSGIVerboseDebugging On",
}

# Contexts of the page, and the places of a configuration file that they stand for.
PLACES = {
    "main": {"main"},
    "server": {"main", "virtual host"},
    "location": {"main", "virtual host", "directory", "location", "files", "if"},
    ".htaccess": {"main", "virtual host", "directory", "location", "files", "if"},
    "access": {"directory", "location", "files", "if"},
}
SURROUNDINGS = {
    "main": "{}",
    "virtual host": "<VirtualHost *:1>\nServerName other\n{}\n</VirtualHost>",
    "directory": "<Directory ${{ROOT}}/htdocs>\n{}\n</Directory>",
    "location": "<Location /somewhere>\n{}\n</Location>",
    "files": "<Files x>\n{}\n</Files>",
    "if": "<If \"%{{REQUEST_METHOD}} == 'PUT'\">\n{}\n</If>",
}


def directives():
    return [pytest.param(name, marks=pytest.mark.ours) if name in OURS else name for name in sorted(DOCUMENTED)]


def test_the_page_and_these_lines_name_the_same():
    assert set(DOCUMENTED) <= set(LINES) and set(LINES) - set(DOCUMENTED) <= {"WSGIIgnoreActivity"}


@pytest.mark.parametrize("name", directives())
def test_places(serve, name):
    server = serve(run=False)
    allowed, plain = PLACES[DOCUMENTED[name]], server.text
    for place, around in SURROUNDINGS.items():
        server.conf.write_text(plain + around.format(LINES[name]) + "\n")
        result = server.configtest()
        if place in allowed:
            assert result.returncode == 0, (place, result.stderr)
        else:
            assert result.returncode != 0, place
            assert re.search(f"<?{name}>?:? (not allowed (here|in)|cannot occur within)", result.stderr), (place, result.stderr)


@pytest.mark.parametrize("override", ["FileInfo", "AuthConfig"])
@pytest.mark.parametrize("name", directives())
def test_htaccess(shared, name, override):
    def make():
        files = "".join(f"<Directory ${{ROOT}}/htdocs/{kind}>\nAllowOverride {kind}\n</Directory>\n"
                        for kind in ("FileInfo", "AuthConfig"))
        server = Server(files)
        for kind in ("FileInfo", "AuthConfig"):
            server.write(f"htdocs/{kind}/page.txt", "the page")
        return server

    server = shared("htaccess", "", make)
    server.write("apps/willing.py", '"""Lets everybody in."""\ndef allow_access(environ, host):\n    return True\n')
    # a script of access would be asked, and has nothing to say
    line = LINES[name] if name != "WSGIAccessScript" else "WSGIAccessScript ${APPS}/willing.py"
    server.write(f"htdocs/{override}/.htaccess", line.replace("${APPS}", str(server.root / "apps")) + "\n")
    allowed = {".htaccess": "FileInfo", "access": "AuthConfig"}.get(DOCUMENTED[name]) == override
    assert server.get(f"/{override}/page.txt").status == (200 if allowed else 500)
    if not allowed:
        server.wait_for_log(f"<?{name}>? not allowed here", server.since)
    (server.root / "htdocs" / override / ".htaccess").unlink()
