"""The documents name what the code has: directives and options, in the reference, examples and pages about other servers.

Links are in test_book.py, log messages in test_messages.py, code and commands in test_blocks.py and test_howtos.py.
"""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
REFERENCE = (ROOT / "docs/directives.md").read_text()

def source(name):
    """A file of src/config, or the files of a folder there, without unit tests."""
    place = ROOT / "src/config" / name
    files = sorted(place.glob("*.rs")) if place.is_dir() else [place]
    return "\n".join(path.read_text().split("#[cfg(test)]")[0] for path in files)


def directives():
    """Names in the table of src/config/directives."""
    return set(re.findall(r'Row::\w+\(\s*c"<?(WSGI\w+)"', source("directives")))


def options(name):
    """Names in the table of options in a file of src/config."""
    table = source(name)
    names = re.findall(r'\brow\(\s*"([a-z-]+)"', table) + re.findall(r'name: "([a-z-]+)"', table)
    assert names, f"found no option in {name}"
    return set(names)


def section(heading):
    found = re.search(rf"^### {heading}\n(.*?)(?=^##|\Z)", REFERENCE, re.M | re.S)
    assert found, f"docs/directives.md has no section {heading}"
    return found[1]


def documented_options(heading):
    return set(re.findall(r"^\| `([a-z-]+)` \|", section(heading), re.M))


def test_every_directive_is_documented_and_no_other():
    """A unit test compares the whole page with the table; this one knows that the table is all."""
    assert len(directives()) > 50
    assert set(re.findall(r"^### (?:`<)?(WSGI\w+)(?:>`)?$", REFERENCE, re.M)) == directives()


def test_directives_have_syntax_and_context():
    for name in directives():
        text = section(f"(?:`<)?{name}(?:>`)?")
        assert re.search(rf"^    Syntax:  <?{name}\b", text, re.M), f"{name}: the syntax is missing"
        assert re.search(r"^    Context: (main|server|location|.htaccess|access)\b", text, re.M), name


def test_options_of_daemon_groups():
    assert documented_options("WSGIDaemonProcess") == options("process_options.rs")


def test_options_of_aliases():
    assert documented_options("WSGIScriptAlias") == options("alias.rs")


def examples():
    return sorted(path for path in (ROOT / "conf-examples").rglob("*.conf"))


def test_examples_use_only_known_names():
    known, named = directives(), set()
    for path in examples():
        lines = [line.strip() for line in path.read_text().splitlines()]
        used = {line.split()[0] for line in lines if line.startswith("WSGI")}
        assert used <= known, f"{path}: {used - known}"
        named |= used
    essential = {"WSGIScriptAlias", "WSGIScriptAliasMatch", "WSGIDaemonProcess", "WSGIProcessGroup",
                 "WSGIApplicationGroup", "WSGIPythonHome"}
    assert essential <= named, f"no example shows {essential - named}"


@pytest.mark.parametrize("name", ["from-uwsgi.md", "from-gunicorn.md", "tuning.md"])
def test_what_takes_the_place_of_other_options_is_there(name):
    """Right columns of tables: each `option=` and each directive of ours that they name exists."""
    rows = re.findall(r"^\| [^|]+ \| (.+) \|$", (ROOT / "docs" / name).read_text(), re.M)
    named = {option for row in rows for option in re.findall(r"`([a-z][a-z-]+)=[^`]*`", row)}
    assert named, f"{name} names no option"
    assert named <= options("process_options.rs") | options("alias.rs") | {"reload", "preload"}
    assert {word for row in rows for word in re.findall(r"\bWSGI[A-Z]\w+", row)} <= directives()
