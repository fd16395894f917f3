"""The documents name what the code has: directives, options, log messages, files."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
REFERENCE = (ROOT / "docs/directives.md").read_text()
CONTEXTS = {"Global": "main", "Server": "server", "Location": "location", "FileInfo": ".htaccess"}
HELPERS = {"global": "main", "server": "server", "location": "location", "file_info": ".htaccess"}


def source(name):
    """A file of src/config without its unit tests."""
    return (ROOT / "src/config" / name).read_text().split("#[cfg(test)]")[0]


def directives():
    """{name: context} of the table in src/config/directives.rs."""
    table = source("directives.rs")
    rows = {name: HELPERS[helper] for helper, name in re.findall(r'\b(\w+)\(\s*c"(WSGI\w+)"', table)}
    literal = re.findall(r'name: c"(WSGI\w+)",\s*context: Context::(\w+)', table)
    return rows | {name: CONTEXTS[context] for name, context in literal}


def options(name):
    """Names in the table of options in a file of src/config."""
    table = source(name)
    names = re.findall(r'\brow\(\s*"([a-z-]+)"', table) + re.findall(r'name: "([a-z-]+)"', table)
    assert names, f"found no option in {name}"
    return set(names)


def not_yet():
    block = re.search(r"const NOT_YET: &\[&str\] = &\[(.*?)\];", source("process_options.rs"), re.S)
    return set(re.findall(r'"([a-z-]+)"', block[1])) if block else set()


def section(heading):
    found = re.search(rf"^### {heading}\n(.*?)(?=^##|\Z)", REFERENCE, re.M | re.S)
    assert found, f"docs/directives.md has no section {heading}"
    return found[1]


def documented_options(heading):
    return set(re.findall(r"^\| `([a-z-]+)` \|", section(heading), re.M))


def test_every_directive_is_documented_and_no_other():
    assert set(re.findall(r"^### (WSGI\w+)$", REFERENCE, re.M)) == set(directives())


@pytest.mark.parametrize(("name", "context"), sorted(directives().items()))
def test_directive(name, context):
    text = section(name)
    assert re.search(rf"^    Syntax:  {name}\b", text, re.M), "the syntax is missing"
    assert re.search(r"^    Context: (\S+)$", text, re.M)[1] == context


def test_absent_directives_are_absent():
    absent = REFERENCE.split("## Not there yet")[1]
    assert not set(re.findall(r"WSGI\w+", absent)) & set(directives())


def test_options_of_daemon_groups():
    assert documented_options("WSGIDaemonProcess") == options("process_options.rs")
    refused = section("WSGIDaemonProcess").split("are refused")
    names = set(re.findall(r"`([a-z-]+)`", refused[1])) if len(refused) > 1 else set()
    assert names == not_yet()


def test_options_of_aliases():
    assert documented_options("WSGIScriptAlias") == options("alias.rs")


def examples():
    return sorted(path for path in (ROOT / "conf-examples").rglob("*.conf"))


def test_examples_use_only_known_names():
    known, named = set(directives()), set()
    for path in examples():
        lines = [line.strip() for line in path.read_text().splitlines()]
        used = {line.split()[0] for line in lines if line.startswith("WSGI")}
        assert used <= known, f"{path}: {used - known}"
        named |= used
    essential = {"WSGIScriptAlias", "WSGIScriptAliasMatch", "WSGIDaemonProcess", "WSGIProcessGroup",
                 "WSGIApplicationGroup", "WSGIPythonHome"}
    assert essential <= named, f"no example shows {essential - named}"


def test_links_lead_somewhere():
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def texts():
    """All text of the code, so that messages with `{…}` and broken lines can be found in it."""
    files = [*ROOT.glob("src/**/*.rs"), *ROOT.glob("crates/*/src/**/*.rs"), *ROOT.glob("crates/*/src/**/*.py")]
    return "\n".join(re.sub(r"\\\n\s*", "", path.read_text()) for path in files)


def test_messages_exist():
    """Each heading of troubleshooting.md quotes a message; `…` stands for what varies in it."""
    guide, code = (ROOT / "docs/troubleshooting.md").read_text(), texts().replace('\\"', '"')
    messages = re.findall(r"^### `(.+)`$", guide, re.M)
    assert messages
    pieces = [piece.strip(" `'") for message in messages for piece in message.split("…")]
    missing = [piece for piece in pieces if len(piece) > 3 and piece not in code]
    assert not missing, f"no message in the code has {missing}"
