"""The blocks of the documents: where they are, and what is done with each. The one place that reads fences.

A block says in the first line of its fence what it is; readers see only the language (```` ```sh not-run=packages ````):

| language | attribute | what is done with it |
|---|---|---|
| `apache` | | checked by `httpd -t` on its own (tests/test_blocks.py) |
| `apache` | `more` | the same, together with the blocks of its page since the last one without `more` |
| `sh` | | run on the machine of its page, in the order of the page (tests/test_howtos.py); each line must succeed |
| `console` | | the same: lines after `$ ` are run, the others are what is printed; `…` stands for anything |
| | `fails` | the last command must fail |
| | `foreground=URL` | the last command goes on, and the page with it once the URL answers; then it is ended as by Ctrl-C |
| | `meanwhile` | run before that end |
| | `needs=PROGRAM` | run only where that program is installed, else it is among the skipped tests |
| any | `file=PATH` | written on that machine, with `mode=600` if it says so; the paragraph before must name the path |
| `python` | | compiled |
| `json` | | parsed |
| `text` | | shown as it is: a picture, a part of a log, a URL. Never a command |
| any | `same-as=PATH` | compared with that file of the repository |
| any | `not-run=KIND` | not done here, for a reason of [`REASONS`], and only with the programs that are named there |
| any | `tested=PATH` | done by that test or folder of tests, which names the page |

There are no indented blocks, but for the syntax of directives in docs/directives.md, which a unit test compares with
the table. `python tests/support/blocks.py` lists all blocks.
"""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNS, WRITES = ("sh", "console"), ("apache", "python", "sh", "ini", "text", "html")
LANGUAGES = {*RUNS, *WRITES, "python", "json", "yaml", "toml", "nginx", "dockerfile", "promql"}
ATTRIBUTES = {"file", "mode", "not-run", "tested", "same-as", "foreground", "meanwhile", "needs", "more", "fails"}

# Kinds of blocks that no test here runs: the reason, and the programs and languages that such a block may have.
REASONS = {
    "packages": ("installs packages of the distribution", "apt apt-get dnf dpkg rpm zypper sudo"),
    "build": ("builds for minutes; .ci/run does the same", "make git cd tests/bench .venv/bin/python .ci/run mdbook cargo"),
    "rpm": ("needs Fedora or RHEL; tests/packages looks at the package and the recipe", "dnf make mkdir cp rpmbuild"),
    "systemd": ("needs systemd as the first process", "systemctl journalctl systemd-analyze"),
    "selinux": ("needs a kernel with SELinux", "semanage restorecon setsebool getsebool getenforce setenforce ausearch audit2allow ls ps"),
    "containers": ("needs a container engine", "docker podman"),
    "kubernetes": ("needs a cluster", "kubectl helm"),
    "network": ("talks to a host of the internet", "certbot git pip curl"),
    "stops": ("needs a site that is under way, and waits for a person", "kill tail less top py-spy gdb"),
    "theirs": ("configuration of another server, shown for comparison", "uwsgi gunicorn"),
}


@dataclass(frozen=True)
class Block:
    """One block of a page."""

    page: Path
    line: int
    language: str
    attributes: dict = field(hash=False)
    text: str
    before: str  # the paragraph above it

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def get(self, name):
        """An attribute; "" where it has no value, None where there is none."""
        return self.attributes.get(name)

    def commands(self):
        """[(command, what it prints)] of `sh` and `console`."""
        found, lines = [], iter(self.text.splitlines())
        for line in lines:
            if self.language == "console" and not line.startswith("$ "):
                assert found, f"{self}: output without a command"
                found[-1][1].append(line)
                continue
            command = line.removeprefix("$ ") if self.language == "console" else line
            while command.endswith("\\"):
                command += "\n" + next(lines)
            if command.strip() and not command.lstrip().startswith("#"):
                found.append((command, []))
        return found

    def programs(self):
        """The programs that its commands start, without sudo and variables in front."""
        found = set()
        for command, _ in self.commands():
            for part in re.split(r"\s(?:&&|\|\|?|;)\s", command.replace("\\\n", " ")):
                words = shlex.split(part, comments=True)
                while words and (words[0] == "sudo" or re.fullmatch(r"\w+=.*", words[0])):
                    words = words[3:] if words[1:2] == ["-u"] else words[1:]
                if words:
                    found.add("tests/bench" if words[0].startswith("tests/bench/") else re.sub(r"^/.*/", "", words[0]))
        return found


def pages():
    """Every document; src/ has parts of generated ones only."""
    skipped = {".venv", "target", ".git", "node_modules", "src"}
    return sorted(path for path in ROOT.rglob("*.md") if not skipped & set(path.relative_to(ROOT).parts))


FENCE = re.compile(r"^( *)(```+)([^\n`]*)\n(.*?)^\1\2 *$", re.M | re.S)


def fenced(page):
    """The blocks between fences."""
    text = page.read_text()
    for found in FENCE.finditer(text):
        language, *words = found[3].split() or [""]
        attributes = dict(word.partition("=")[::2] for word in words)
        before = re.split(r"\n\s*\n", text[:found.start()].rstrip())[-1]
        body = re.sub(rf"^{found[1]}", "", found[4], flags=re.M)
        yield Block(page, text.count("\n", 0, found.start()) + 1, language, attributes, body, before)


def indented(page):
    """The blocks that are set in by four blanks; lists may continue so."""
    text = FENCE.sub(lambda found: "\n" * found[0].count("\n"), page.read_text())
    inside_list = False
    for number, paragraph in paragraphs(text):
        if re.match(r" {0,3}([-*+]|\d+\.) ", paragraph):
            inside_list = True
        elif not paragraph.startswith(" "):
            inside_list = False
        if paragraph.startswith("    ") and not inside_list:
            is_syntax = page.name == "directives.md" and re.fullmatch(r"(    (Syntax|Default|Context): .*\n?)+", paragraph + "\n")
            if not is_syntax:
                yield Block(page, number, "indented", {}, paragraph, "")


def paragraphs(text):
    """(line, text) of what empty lines part."""
    number = 1
    for part in re.split(r"(\n(?:[ \t]*\n)+)", text):
        if part.strip():
            yield number, part
        number += part.count("\n")


def blocks():
    """Every block of every document."""
    return [block for page in pages() for block in (*fenced(page), *indented(page))]


def does(block):
    """What is done with it, in a word; None if nobody says."""
    if block.language not in LANGUAGES or not set(block.attributes) <= ATTRIBUTES:
        return None
    for attribute, word in (("not-run", "listed"), ("tested", "tested"), ("same-as", "compared"), ("file", "written")):
        if attribute in block.attributes:
            return word
    return {"sh": "run", "console": "run", "apache": "checked", "python": "compiled", "json": "parsed", "text": "shown"}.get(block.language)


if __name__ == "__main__":
    for each in blocks():
        print(f"{does(each) or 'UNKNOWN':9} {each}  {each.language} {' '.join(each.attributes)}")
