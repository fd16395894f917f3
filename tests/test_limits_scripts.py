"""Whose scripts a group runs: script-user and script-group."""

import os

import pytest
from support.limited import limited

pytestmark = [pytest.mark.ours, pytest.mark.root]
SCRIPT = "own/hello.py"
MORE = "WSGIScriptAlias /own ${ROOT}/own/hello.py"
HELLO = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'hello']\n"


def serving(serve, options):
    return limited(serve, "threads=1 " + options, more=MORE, files={SCRIPT: HELLO})


def refused(server, words):
    since = server.mark()
    assert server.get("/own").status == 403
    server.wait_for_log(rf"\[client .*process group `app` does not run the script: .*{words}", since)


def test_a_script_of_the_right_user(serve):
    server = serving(serve, "script-user=root")
    assert server.get("/own").body == b"hello"
    script, folder = server.root / SCRIPT, server.root / "own"
    script.chmod(0o664)
    refused(server, r"own/hello\.py can be written by its group; .*chmod g-w")
    script.chmod(0o646)
    refused(server, r"own/hello\.py can be written by everybody")
    script.chmod(0o644)
    folder.chmod(0o777)
    refused(server, "own can be written by its group")
    folder.chmod(0o755)
    assert server.get("/own").body == b"hello"
    os.chown(folder, 33, 33)
    refused(server, "own belongs to the user #33 and not to `root`")


def test_a_script_of_another_user(serve):
    server = serving(serve, "script-user=www-data")
    refused(server, r"own/hello\.py belongs to the user #0 and not to `www-data`; .*chown")
    os.chown(server.root / SCRIPT, 33, 0)
    os.chown(server.root / "own", 33, 0)
    assert server.get("/own").body == b"hello"


def test_a_script_of_the_right_group(serve):
    server = serving(serve, "script-group=#33")
    refused(server, r"own/hello\.py belongs to the group #0 and not to #33")
    os.chown(server.root / SCRIPT, 0, 33)
    os.chown(server.root / "own", 0, 33)
    (server.root / SCRIPT).chmod(0o664)
    assert server.get("/own").body == b"hello", "members of the group may write"
    (server.root / SCRIPT).chmod(0o666)
    refused(server, "can be written by everybody")


def test_both_are_a_contradiction(serve):
    server = limited(serve, "script-user=root script-group=root", run=False)
    result = server.configtest()
    assert result.returncode != 0
    assert "script-user is given as well; remove one of them" in result.stderr and "line" in result.stderr


def test_an_unknown_user_stops_httpd(serve):
    server = limited(serve, "script-user=nobody-of-this-name", run=False)
    with pytest.raises(AssertionError, match="there is no script-user `nobody-of-this-name`"):
        server.start()
