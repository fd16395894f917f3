"""What `httpd -t` says about a configuration that cannot work: file, line, the value, and what is allowed."""

import os

import pytest
from support import httpd

# Each: the lines, and what the message must contain besides file and line.
BAD = {
    "unknown option": ("WSGIDaemonProcess a procesess=2", ["procesess", "did you mean", "processes"]),
    "unknown alias option": ("WSGIScriptAlias / /x process-grop=a", ["process-grop", "process-group"]),
    "no number": ("WSGIDaemonProcess a threads=x", ["threads", "x"]),
    "no processes": ("WSGIDaemonProcess a processes=0", ["processes", "0"]),
    "negative": ("WSGIDaemonProcess a graceful-timeout=-1", ["graceful-timeout", "-1"]),
    "junk after a number": ("WSGIDaemonProcess a threads=5x", ["5x"]),
    "bad octal": ("WSGIDaemonProcess a umask=9", ["umask", "9"]),
    "relative home": ("WSGIDaemonProcess a home=here", ["home", "here", "/"]),
    "unknown user": ("WSGIDaemonProcess a user=nosuchuser", ["nosuchuser"]),
    "unknown group of users": ("WSGIDaemonProcess a group=nosuchgroup", ["nosuchgroup"]),
    "same name twice": ("WSGIDaemonProcess a\nWSGIDaemonProcess a", ["a"]),
    "no name": ("WSGIDaemonProcess", ["WSGIDaemonProcess"]),
    "no value": ("WSGIDaemonProcess a processes", ["processes", "name=value"]),
    "not a flag": ("WSGIPassAuthorization maybe", ["maybe", "On", "Off"]),
    "not an alias flag": ("WSGIScriptAlias / /x pass-authorization=1", ["1", "On", "Off"]),
    "missing path": ("WSGIScriptAlias /", ["WSGIScriptAlias"]),
    "bad pattern": ("WSGIScriptAliasMatch ^(/x /y", ["^(/x"]),
    "bad seed": ("WSGIPythonHashSeed lots", ["lots", "random"]),
    "import without a place": ("WSGIImportScript /x", ["process-group"]),
    "import into an unknown group": ("WSGIImportScript /x process-group=none application-group=a", ["none"]),
    "alias with an unknown group": ("WSGIScriptAlias / /x process-group=none application-group=a", ["none"]),
    "empty group": ("WSGIScriptAlias / /x process-group=", ["process-group"]),
    "head": ("WSGIMapHEADToGET perhaps", ["perhaps", "Auto"]),
}


@pytest.mark.ours
@pytest.mark.parametrize("case", BAD)
def test_message(serve, case):
    lines, words = BAD[case]
    server = serve("Include ${ROOT}/bad.conf\n", run=False, files={"bad.conf": lines + "\n"})
    result = server.configtest()
    assert result.returncode != 0, result.stderr
    number = len(lines.splitlines())
    assert f"line {number} of {server.root}/bad.conf" in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


@pytest.mark.parametrize("lines", ["<Directory />\nWSGIScriptAlias / /x\n</Directory>", "<VirtualHost *:1>\nWSGIPythonHome /x\n</VirtualHost>",
                                   "<Location />\nWSGIDaemonProcess a\n</Location>"])
def test_misplaced(serve, lines):
    result = serve(lines + "\n", run=False).configtest()
    assert result.returncode != 0
    assert "cannot occur within" in result.stderr or "not allowed" in result.stderr, result.stderr


@pytest.mark.ours
@pytest.mark.parametrize("lines", ["WSGIProcessGroup none", "<Location /x>\nWSGIProcessGroup none\n</Location>",
                                   "WSGIScriptAlias / /x process-group=none"])
def test_unknown_group_is_named_with_the_groups_that_exist(serve, lines):
    server = serve(f"WSGIDaemonProcess first\nWSGIDaemonProcess second\n{lines}\n", run=False)
    result = server.configtest()
    said = result.stderr
    if result.returncode == 0:  # reported at start-up in the log, since a request might never get there
        server.start()
        said = server.log() + server.log(name="console")
    assert "none" in said and "first" in said and "second" in said, said


@pytest.mark.ours
@pytest.mark.parametrize("place", ["WSGIDaemonProcess a python-home=${ROOT}/nothing", "WSGIPythonHome ${ROOT}/nothing"])
def test_home_without_an_interpreter(serve, place):
    server = serve(place + "\n", run=False)
    result = server.configtest()
    assert result.returncode != 0
    assert f"{server.root}/nothing" in result.stderr


@pytest.mark.ours
@pytest.mark.root
def test_home_that_the_user_cannot_enter(serve):
    server = serve("WSGIDaemonProcess a python-home=${ROOT}/closed/venv user=www-data\n", run=False)
    place = server.root / "closed" / "venv" / "bin"
    place.mkdir(parents=True)
    (place / "python3").symlink_to("/usr/bin/python3")
    (server.root / "closed").chmod(0o700)
    os.chown(server.root / "closed", 1, 1)
    result = server.configtest()
    assert result.returncode != 0
    for word in (f"{server.root}/closed", "owner", "mode 0700"):
        assert word in result.stderr, result.stderr


@pytest.mark.ours
@pytest.mark.root
def test_root_is_refused(serve):
    result = serve("WSGIDaemonProcess a user=root\n", run=False).configtest()
    assert result.returncode != 0 and "root" in result.stderr


HOSTS = """<VirtualHost *:1>
{first}
WSGIDaemonProcess theirs
</VirtualHost>
<VirtualHost *:1>
{second}
{line}
</VirtualHost>
"""


@pytest.mark.parametrize("line", ["WSGIImportScript /x process-group=theirs application-group=a",
                                  "WSGIScriptAlias / /x process-group=theirs application-group=a"])
@pytest.mark.parametrize("first, second, word", [
    ("ServerName a", "ServerName b", "another ServerName"), ("ServerName a", "ServerName a", None), ("", "ServerName b", "another ServerName")])
def test_groups_of_virtual_hosts(serve, line, first, second, word):
    """A group of a virtual host is for servers with the same ServerName."""
    result = serve(HOSTS.format(first=first, second=second, line=line), run=False).configtest()
    assert (result.returncode == 0) is (word is None), result.stderr
    if word and not httpd.is_reference():
        assert word in result.stderr and "theirs" in result.stderr, result.stderr


@pytest.mark.parametrize("line", ["WSGIImportScript /x process-group=own application-group=a", "WSGIProcessGroup own"])
def test_a_virtual_host_without_a_name_uses_its_own_group(serve, line):
    result = serve(f"<VirtualHost *:1>\nWSGIDaemonProcess own\n{line}\n</VirtualHost>\n", run=False).configtest()
    assert result.returncode == 0, result.stderr


@pytest.mark.ours
def test_groups_may_be_defined_below(serve):
    result = serve("WSGIImportScript /x process-group=app application-group=a\nWSGIDaemonProcess app\n", run=False).configtest()
    assert result.returncode == 0, result.stderr


GOOD = "allow_access = check_password = groups_for_user = process_group = lambda *arguments: True\n"


@pytest.mark.ours
@pytest.mark.parametrize("directive", ["WSGIAccessScript", "WSGIAuthUserScript", "WSGIAuthGroupScript", "WSGIDispatchScript"])
def test_scripts_before_the_application_that_cannot_be_read(serve, directive):
    """A warning, for httpd can start: missing, a folder, or closed to the user that reads it."""
    server = serve(f"<Location /a>\n{directive} ${{ROOT}}/missing.py\n</Location>\n<Location /b>\n{directive} ${{ROOT}}/folder\n</Location>\n"
                   f"<Location /c>\n{directive} ${{ROOT}}/closed.py\n</Location>\n<Location /d>\n{directive} ${{ROOT}}/good.py\n</Location>\n",
                   run=False, files={"closed.py": "", "folder/x": "", "good.py": GOOD})
    (server.root / "closed.py").chmod(0o600)
    result = server.configtest()
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if directive in line]
    assert ["missing.py" in lines[0], "it is a folder" in lines[1]] == [True, True] and "good.py" not in result.stderr, lines
    if os.geteuid() == 0:
        assert len(lines) == 3 and "mode 0600" in lines[2] and "line " in lines[2], lines


def test_accepted_without_effect(serve):
    server = serve("WSGISocketPrefix run/wsgi\nWSGIDaemonProcess a threads=2\n"
                   "WSGIScriptAlias / ${APPS}/hello.py process-group=a\n")
    assert server.get("/").body == b"Hello, world!"
