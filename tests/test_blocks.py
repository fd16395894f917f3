"""Every block of the documents says what is done with it, and what can be checked on its own is. See support/blocks.py.

What is run on a machine is in test_howtos.py.
"""

import json
import re

import pytest
from support import examples, httpd
from support.blocks import LANGUAGES, REASONS, ROOT, RUNS, blocks, does
from support.server import free_port

ALL = blocks()
EXTRA = """auth_digest expires http2 info mime_magic negotiation proxy proxy_http ratelimit remoteip reqtimeout socache_shmcb ssl
    status vhost_alias xsendfile""".split()


def those(word):
    """The blocks with which this is done."""
    return [block for block in ALL if does(block) == word]


def test_no_block_is_unclassified():
    unknown = [f"{block}: {block.language} {block.attributes}" for block in ALL if does(block) is None]
    assert not unknown, f"say what is to be done with them (tests/support/blocks.py): {unknown}"
    assert len(ALL) > 80 and len(those("run")) > 20


def test_attributes_fit():
    for block in ALL:
        assert block.language in LANGUAGES
        assert not {"foreground", "meanwhile", "needs", "fails"} & set(block.attributes) or does(block) == "run", block
        assert "more" not in block.attributes or block.language == "apache", block
        path = block.get("file")
        assert path is None or (path.startswith(("/", "~/")) and path in block.before), f"{block}: the paragraph before does not name {path}"


def test_texts_are_no_commands():
    for block in those("shown"):
        assert not re.search(r"^(\$ |# |sudo |WSGI\w+ |<VirtualHost)", block.text, re.M), f"{block} holds something to be tested"


@pytest.mark.parametrize("kind", REASONS)
def test_what_is_not_run(kind):
    """Its programs are those that the reason is about; the list is the message of a skipped test."""
    reason, programs = REASONS[kind]
    listed = [block for block in those("listed") if block.get("not-run") == kind]
    for block in listed:
        if block.language in RUNS:
            assert block.programs() <= set(programs.split()), f"{block}: not only {kind}: {block.programs()}"
        else:
            assert kind in ("theirs", "systemd", "kubernetes", "containers"), f"{block}: {kind} is for commands"
    pytest.skip(f"not run, since it {reason}: {', '.join(map(str, listed)) or 'nothing'}")


def test_reasons_are_known_and_rare():
    listed = those("listed")
    assert {block.get("not-run") for block in listed} <= set(REASONS)
    assert len(listed) < len(ALL) / 3


def test_tests_that_are_named_are_there():
    for block in those("tested"):
        place = ROOT / block.get("tested")
        files = [path for path in (place.rglob("*") if place.is_dir() else [place]) if path.is_file() and "__pycache__" not in path.parts]
        assert files, f"{block}: there is no {block.get('tested')}"
        assert any(block.page.name in path.read_text(errors="ignore") for path in files), f"{block}: {place} does not know the page"


def alone():
    """Configurations that are checked on their own: a block, with those before it of which it is the rest."""
    found = []
    for block in those("checked"):
        if block.get("more") is not None:
            assert found and found[-1][0].page == block.page, f"{block}: more of what?"
            found[-1] = (*found[-1], block)
        else:
            found.append((block,))
    return found


@pytest.mark.ours
@pytest.mark.parametrize("group", alone(), ids=lambda group: str(group[0]))
def test_configuration(serve, group):
    """`httpd -t` takes it, and the diagnosis has nothing to say about it."""
    text = "\n".join(block.text for block in group)
    files = {block.get("file")[1:]: block.text for block in those("written") if block.page == group[0].page}
    modes = {block.get("file")[1:]: int(block.get("mode"), 8) for block in those("written") if block.get("mode")}
    modules = [name for name in EXTRA if f"mod_{name}.so" in AVAILABLE]
    server = examples.prepare(serve, text, free_port() if "*:443" in text else 0, modules, files)
    for name, mode in modes.items():
        if name in files:
            (server.root / name).chmod(mode)
    result = server.configtest()
    assert result.returncode == 0 and "Syntax OK" in result.stderr, result.stderr
    # A part of a configuration may lack the line that uses the group, or the one that defines it.
    excused = "nothing uses it", "it concerns no process"
    warnings = [line for line in result.stderr.splitlines() if "wsgi:" in line and not any(words in line for words in excused)]
    assert not warnings, warnings


AVAILABLE = {path.name for path in httpd.modules().glob("mod_*.so")}


@pytest.mark.parametrize("block", [block for block in ALL if block.language == "python" and does(block) in ("compiled", "written")], ids=str)
def test_python(block):
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", those("compared"), ids=str)
def test_files_of_the_repository(block):
    assert block.text == (ROOT / block.get("same-as")).read_text()


@pytest.mark.parametrize("block", those("parsed"), ids=str)
def test_json(block):
    json.loads(block.text)
