"""What httpd says about folders and files counts for scripts that aliases name, whatever follows them in the URL."""

import os

import pytest
from support.environ import variables

# What may follow the script; the parts of a URL must not decide which sections hold.
REST = ("", "/", "/x", "/x//y", "/.well-known/x")

DENIED = "Require all denied\n"
SECTIONS = {
    "a folder": f"<Directory ${{ROOT}}/site>\n{DENIED}</Directory>\n",
    "a parent": f"<Directory ${{ROOT}}/site/code>\n{DENIED}</Directory>\n",
    "a pattern of folders": f'<DirectoryMatch "/site/code/">\n{DENIED}</DirectoryMatch>\n',
    "all in a folder": f"<Directory ${{ROOT}}/site/code/*>\n{DENIED}</Directory>\n",
    "a file": f"<Directory ${{ROOT}}/site>\n<Files app.py>\n{DENIED}</Files>\n</Directory>\n",
    "a pattern of files": f'<FilesMatch "^app">\n{DENIED}</FilesMatch>\n',
    "an expression": f"<If \"%{{REQUEST_FILENAME}} =~ m#/site/code/app.py$#\">\n{DENIED}</If>\n",
}


def script(server):
    """The script, as a copy of an application that shows its environ."""
    return server.write("site/code/app.py", (server.root / "apps" / "environ.py").read_bytes())


def alias(options="", more=""):
    return (f"MergeSlashes Off\nWSGIScriptAlias /app ${{ROOT}}/site/code/app.py\n"
            f"<Directory ${{ROOT}}/site>\nOptions {options or 'FollowSymLinks'}\nAllowOverride All\n</Directory>\n{more}")


def statuses(server):
    """What each form of the URL is answered with."""
    return {server.get("/app" + rest).status for rest in REST}


@pytest.mark.parametrize("section", SECTIONS)
def test_sections_hold(serve, section):
    server = serve(alias(more=SECTIONS[section]))
    script(server)
    assert statuses(server) == {403}


def test_nothing_denies(serve, mode):
    server = serve(alias(), mode)
    script(server)
    for rest in REST:
        values = variables(server.get("/app" + rest))
        assert (values["SCRIPT_NAME"], values["PATH_INFO"]) == ("/app", rest.replace("//", "/"))
        assert values["SCRIPT_FILENAME"].endswith("/site/code/app.py")


@pytest.mark.parametrize("folder", ["site", "site/code"])
def test_htaccess_holds(serve, folder):
    server = serve(alias())
    script(server)
    server.write(f"{folder}/.htaccess", DENIED)
    assert statuses(server) == {403}
    server.write(f"{folder}/.htaccess", "SetEnv FROM_HTACCESS yes\n")
    assert variables(server.get("/app/x"))["FROM_HTACCESS"] == "yes"
    server.write(f"{folder}/.htaccess", "Options -FollowSymLinks\n")
    assert statuses(server) == {200}, "there is no link"


def link(server, what, owner=None):
    """Puts a link in the place of the script, or of a folder above it."""
    place = server.root / what
    real = place.with_name("real-" + place.name)
    place.rename(real)
    place.symlink_to(real.name)
    if owner:
        os.chown(place, owner, owner, follow_symlinks=False)


@pytest.mark.parametrize("what", ["site/code/app.py", "site/code"])
@pytest.mark.parametrize("options, status", [("None", 403), ("FollowSymLinks", 200), ("SymLinksIfOwnerMatch", 200)])
def test_links(serve, what, options, status):
    server = serve(alias(options))
    script(server)
    link(server, what)
    assert statuses(server) == {status}
    if status == 403:
        server.wait_for_log("AH00037: Symbolic link not allowed")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("what", ["site/code/app.py", "site/code"])
@pytest.mark.parametrize("options", ["SymLinksIfOwnerMatch", "FollowSymLinks SymLinksIfOwnerMatch"])
def test_links_of_others(serve, what, options):
    server = serve(alias(options))
    script(server)
    link(server, what, owner=12345)
    assert statuses(server) == {403}


def test_a_missing_script(serve, mode):
    server = serve(alias(), mode)
    assert statuses(server) == {404}
    server.wait_for_log(r"site/code/app\.py")
    (server.root / "site").mkdir()
    script(server)
    assert statuses(server) == {200}


@pytest.mark.skipif(os.geteuid() != 0, reason="httpd has a user of its own only if root starts it")
def test_a_folder_that_httpd_must_not_enter(serve):
    server = serve(alias())
    script(server).parent.chmod(0o700)
    assert statuses(server) == {403}
    server.wait_for_log("Permission denied")
