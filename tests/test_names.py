"""Names that are more than letters: paths with blanks and other scripts, process groups, application groups."""

import os

import pytest

HELLO = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'%s']\n"
ODD = "a folder é中/ünd a 'script'.wsgi"
GROUPS = ["a/b", "x;y", "ü", "a,b", "%41", "a'b", "a&b=c", "-x", "."]


def test_paths(serve, mode):
    server = serve(f'WSGIScriptAlias "/a b" "${{ROOT}}/{ODD}"\n', mode, files={ODD: HELLO % "old"})
    assert server.get("/a%20b/x").body == b"old"
    os.utime(server.write(ODD, HELLO % "new"), (1, 1))
    assert server.get("/a%20b").body == b"new"
    server.graceful()
    assert server.get("/a%20b").body == b"new"


def test_groups(serve):
    lines = [f'WSGIDaemonProcess "{name}" threads=1\n'
             f'WSGIScriptAlias /{number} ${{APPS}}/process.py process-group="{name}" application-group="{name}|x"\n'
             for number, name in enumerate(GROUPS)]
    server = serve("".join(lines))
    for number, name in enumerate(GROUPS):
        assert server.get(f"/{number}").status == 200, name


@pytest.mark.ours
@pytest.mark.parametrize("line", [b"WSGIImportScript /lat\xe9 process-group=%{GLOBAL} application-group=x", b"WSGIPythonPath /a:/lat\xe9",
                                  b"WSGIDaemonProcess a home=/lat\xe9"])
def test_paths_that_are_no_text(serve, line):
    server = serve("Include ${ROOT}/bad.conf\n", run=False, files={"bad.conf": line + b"\n"})
    result = server.configtest()
    assert result.returncode != 0 and "UTF-8" in result.stderr and "line 1 of" in result.stderr, result.stderr
