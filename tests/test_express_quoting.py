"""mod_wsgi-express: no value ends its word, its line or its string, for httpd, the shell and Python."""

import json
import os
import random

import pytest
from support import httpd
from support.express import HELLO

pytestmark = pytest.mark.ours

HOSTILE = ["a b", "it's", 'say "hi"', "back\\slash", "end\\", "${MOD_WSGI_SERVER_ROOT}", "$NOT_SET x", "${", "a}b", "%{GLOBAL}x", "<b>", "a>b",
           "# no comment", "tab\there", "[x]*?", "ü—€", "-n", "'\"\\${MOD_WSGI_SERVER_ROOT}\\\"", "a=b", "a;b|c&d", "`id`", "$(id)", "^$.*"]


def generated(count):
    """More of them, from the characters that mean something to somebody."""
    choose = random.Random(7)
    return ["".join(choose.choices("ab \"'\\${}%<>#[]*?=;|&`()~!\t/", k=choose.randint(1, 12))) for _ in range(count)]


def test_httpd_reads_what_was_given(express):
    """Values of SetEnv, whatever they are, reach the application as they are."""
    values = {f"OWN_{place}": value for place, value in enumerate(HOSTILE + generated(150))}
    options = [word for name, value in values.items() for word in ("--setenv", name, value)]
    # The command itself expands variables of its environment. MOD_WSGI_SERVER_ROOT is set for httpd, and not for it.
    express.start("wsgi.py", *options)
    said = json.loads(express.get().body)
    assert {name: said.get(name) for name in values} == {
        name: value.encode().decode("latin-1") for name, value in values.items()}


@pytest.mark.parametrize("name", ["a folder", "it's", 'say "hi"', "back\\slash", "[x] *?", "a}b ${c}", "ü—€", "%{GLOBAL}", "#1 <a>"])
def test_paths_may_have_any_name(express, name):
    """Server root, document root, aliases, scripts and logs in a folder with such a name; and apachectl works there."""
    folder = express.folder / name
    express.write(f"{name}/site/wsgi {name}.py", HELLO)
    express.write(f"{name}/files/static {name}.txt", "a file")
    express.write(f"{name}/files/folder/page.txt", "a page")
    express.write(f"{name}/include {name}.conf", "Header set X-Included yes\n")
    if express.identity():
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, express.identity()["user"], -1)
    root = folder / "root"
    express.start(
        folder / "site" / f"wsgi {name}.py", "--server-root", root, "--document-root", folder / "files",
        "--url-alias", "/alias", folder / "files" / "folder", "--url-alias", "/one.txt", folder / "files" / f"static {name}.txt",
        "--include-file", folder / f"include {name}.conf", "--working-directory", folder / "site", "--python-path", folder / "files",
        "--access-log", "--log-directory", folder / "site")
    said = json.loads(express.get("/app").body)
    assert said["cwd"] == str(folder / "site") and str(folder / "files") in said["path"]
    assert express.get("/alias/page.txt").text == "a page" and express.get("/one.txt").text == "a file"
    assert express.get("/folder/page.txt").header("X-Included") == "yes"
    assert (folder / "site" / "access_log").exists() and (folder / "site" / "error_log").exists()
    assert express.run(root / "apachectl", "graceful-stop").returncode == 0
    assert express.process.wait(20) == 0


def test_a_pattern_matches_nothing_else(express):
    """`<Directory>` takes patterns: a folder named like one must not open its neighbours."""
    express.write("files[ab]/page", "open")
    express.write("filesa/page", "closed")
    express.start("wsgi.py", "--url-alias", "/files", express.folder / "files[ab]",
                  "--include-file", express.write("more.conf", f"Alias /a {express.folder}/filesa\n"))
    assert express.get("/files/page").text == "open"
    assert express.get("/a/page").status == 403


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x01b", "a\x7fb"])
def test_line_breaks_are_refused(express, value):
    for option in (["--setenv", "A", value], ["--log-level", "warn", "--error-log-format", value], ["--process-group", value],
                   ["--server-root", str(express.folder / value)], ["--server-name", value]):
        result = express.setup("wsgi.py", *option)
        assert result.returncode == 1 and "control character" in result.stderr, (option, result.stderr)


def test_nothing_is_run_by_the_shell(express):
    """The control script holds the command line, paths and names."""
    mark = express.folder / "mark"
    hostile = f"$(touch {mark})`touch {mark}`'; touch {mark}; '"
    result = express.setup("wsgi.py", "--process-name", hostile, "--locale", "C.UTF-8", "--setenv", "A", f"x\t{hostile}")
    assert result.returncode == 0, result.stderr
    assert express.run(express.root / "apachectl", "configtest").returncode == 0
    assert not mark.exists()


def test_a_shell_without_bash(express):
    result = express.setup("wsgi.py", "--shell-executable", "/bin/sh")
    assert result.returncode == 0, result.stderr
    express.launch([express.root / "apachectl", "start", "-DFOREGROUND"])
    assert express.process.poll() is None and express.get().status == 200


def test_httpd_itself_agrees(express):
    """`httpd -t` on a configuration with hostile names of everything that has one."""
    result = express.setup("wsgi.py", "--process-group", 'g "1" \\', "--application-group", "a 'b'", "--server-name", "www.example.com",
                           "--callable-object", 'x"y', "--error-document", "404", "/a b", "--auth-group", 'g"h',
                           "--access-log", "--access-log-format", '%h "%r" \\t x', "--error-log-format", '[%t] "%M"')
    assert result.returncode == 0, result.stderr
    checked = express.run(httpd.program(), "-t", "-f", express.root / "httpd.conf")
    assert checked.returncode == 0, checked.stderr
