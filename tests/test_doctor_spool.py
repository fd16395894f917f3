"""`httpd -t` looks at the folders for what slow clients send and take."""

import os
import stat

import pytest
from support import disk, doctor
from test_doctor import group  # noqa: F401 (a fixture)

pytestmark = pytest.mark.ours

NAMED = "spool-directory=${ROOT}/spool"
USELESS = "so that slow clients hold threads, and uploads that it is to keep fail"


@pytest.fixture
def spooling(group):
    """A server, not started, with a folder for its spools, and the folder."""

    def make(options=NAMED, **settings):
        server = group(options, **settings)
        folder = server.root / "spool"
        folder.mkdir()
        folder.chmod(0o777)
        return server, folder

    return make


def test_a_folder_that_is_as_it_should_be(spooling):
    server, _ = spooling()
    assert doctor.examine(server) == ([], 0)


def test_a_folder_that_is_not_there(spooling):
    server, folder = spooling()
    folder.rmdir()
    finding = doctor.only(server)
    assert finding["what"] == f"spool-directory={folder}: {folder} does not exist, {USELESS}"
    assert (finding["group"], finding["path"]) == ("app", str(folder))
    assert finding["remedy"] == "make it, or name another with spool-directory="


def test_a_file_in_its_place(spooling):
    server, folder = spooling()
    folder.rmdir()
    folder.write_text("")
    folder.chmod(0o777)
    assert f"it is no folder, {USELESS}" in doctor.only(server)["what"]


@pytest.mark.root
def test_a_folder_that_is_closed_to_httpd(spooling):
    """The user of the group may be another; he needs nothing there."""
    server, folder = spooling()
    folder.chmod(0o755)
    finding = doctor.only(server)
    assert "httpd's user www-data may not write to" in finding["what"] and finding["what"].endswith(USELESS)
    assert finding["remedy"] == f"give that user access (setfacl -m u:www-data:w {folder})"
    os.chown(folder, 33, -1)
    assert doctor.examine(server) == ([], 0)


@pytest.mark.root
def test_a_folder_without_room(spooling):
    server, folder = spooling()
    with disk.small(folder, "10m"):
        finding = doctor.only(server)
        assert "has 10 MiB left, and one slow client may need 64 MiB (response-spool-limit)" in finding["what"]
        assert finding["remedy"] == "make room there, or name another with spool-directory="


@pytest.mark.root
def test_a_folder_in_memory(spooling):
    server, folder = spooling()
    with disk.small(folder, "100m"):
        finding = doctor.only(server, "hint")
        assert finding["what"] == f"spool-directory={folder} is in memory (tmpfs), and what slow clients send and take counts as such"


@pytest.mark.root
def test_a_file_system_that_is_read_only(spooling):
    server, folder = spooling()
    with disk.small(folder, "100m"):
        disk.read_only(folder)
        assert f"its file system cannot be written to, {USELESS}" in doctor.only(server)["what"]


@pytest.mark.parametrize("options", ["threads=0", "response-spool-limit=0"])
def test_who_keeps_nothing_needs_no_folder(spooling, options):
    server, folder = spooling(f"{NAMED} {options}")
    folder.rmdir()
    assert not [finding for finding in doctor.examine(server)[0] if USELESS in finding["what"]]


@pytest.mark.root
def test_the_folder_for_temporary_files(group):
    """It is looked at as well, once for all groups; memory counts where uploads go there."""
    more = "WSGIDaemonProcess other request-buffering=On\n"
    server = group("", more=more + "WSGIScriptAlias /other ${ROOT}/site/wsgi.py process-group=other application-group=%{GLOBAL}\n")
    folder = server.root / "tmp"
    folder.mkdir()
    folder.chmod(0o777 | stat.S_ISVTX)
    server.env["TMPDIR"] = str(folder)
    assert doctor.examine(server) == ([], 0)
    with disk.small(folder, "100m"):
        finding = doctor.only(server, "hint")
        assert finding["group"] == "other" and f"the folder for temporary files, {folder} is in memory" in finding["what"]
    with disk.small(folder, "10m"):
        finding = doctor.only(server)
        assert finding["group"] == "app" and f"the folder for temporary files, {folder} has 10 MiB left" in finding["what"]
