"""Directives that mean nothing here are accepted, and each is named once in the log."""

import pytest

LINES = {
    "WSGISocketPrefix": "WSGISocketPrefix run/wsgi\nWSGISocketPrefix run/other\n",
    "WSGISocketRotation": "WSGISocketRotation Off\n",
    "WSGIAcceptMutex": "WSGIAcceptMutex fcntl\n",
    "WSGIVerboseDebugging": "WSGIVerboseDebugging On\n",
    "WSGIGroupAuthoritative": "<Location /a>\nWSGIGroupAuthoritative Off\n</Location>\n<Location /b>\nWSGIGroupAuthoritative On\n</Location>\n",
}


@pytest.mark.ours
def test_all_of_them(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/hello.py\n" + "".join(LINES.values()), mode)
    assert server.get("/").body == b"Hello, world!"
    log = server.log()
    for name in LINES:
        lines = [line for line in log.splitlines() if f"{name} is accepted and has no effect here" in line]
        assert len(lines) == 1 and "[wsgi:info]" in lines[0], (name, lines)
