"""Whom root's mod_wsgi-express runs foreign code as: the interpreter of a virtual environment is asked as its user."""

import os
import pwd

import pytest

pytestmark = [pytest.mark.ours, pytest.mark.root]


@pytest.fixture
def asked(express):
    """A Python home whose interpreter notes who runs it, and what it has noted."""
    if express.user != "root":
        pytest.skip("is about root")
    notes = express.write("asked", "", mode=0o666)
    express.write("home/bin/python3", f'#!/bin/sh\nid -G >>{notes}\nid -u >>{notes}\nexec /usr/bin/python3 "$@"\n', mode=0o755)
    return notes


def home(express):
    """The option."""
    return "--python-home", str(express.folder / "home")


@pytest.mark.parametrize("user", ["www-data", "#65533"])
def test_the_interpreter_is_asked_as_the_user(express, asked, user):
    uid = pwd.getpwnam(user).pw_uid if user[0] != "#" else int(user[1:])
    group = [] if user[0] != "#" else ["--group", "#65533"]
    result = express.setup("wsgi.py", *home(express), "--user", user, *group)
    assert result.returncode == 0, result.stderr
    lines = asked.read_text().splitlines()
    assert lines and set(lines[1::2]) == {str(uid)}


def test_without_setpriv_too(express, asked):
    place = express.folder / "programs"
    place.mkdir()
    for folder in ("/usr/bin", "/usr/sbin"):
        for name in os.listdir(folder):
            if name != "setpriv" and not (place / name).is_symlink():
                (place / name).symlink_to(f"{folder}/{name}")
    result = express.setup("wsgi.py", *home(express), "--user", "www-data", PATH=str(place))
    assert result.returncode == 0, result.stderr
    assert asked.read_text().splitlines()[1] == str(pwd.getpwnam("www-data").pw_uid)


def test_the_folder_that_is_in_the_way_is_named(express, asked):
    closed = express.folder / "home"
    closed.chmod(0o700)
    result = express.setup("wsgi.py", *home(express), "--user", "www-data")
    assert result.returncode == 1
    assert f"{closed} is closed to that user; open it (chmod o+x)" in result.stderr
    assert asked.read_text() == "", "nobody ran it"


def test_an_ordinary_user_asks_as_himself(express):
    if express.user == "root":
        pytest.skip("is about ordinary users")
    assert express.setup("wsgi.py").returncode == 0
