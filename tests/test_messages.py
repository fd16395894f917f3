"""docs/troubleshooting.md has every message that an administrator can meet, and quotes none that does not exist; so does
docs/express.md with those of mod_wsgi-express."""

import re

from support.blocks import FENCE, ROOT
from support.messages import messages, words

GUIDE = FENCE.sub("", (ROOT / "docs/troubleshooting.md").read_text())
EXPRESS = (ROOT / "docs/express.md").read_text()

# Messages that are looked for by other words, or by nobody; each with the reason.
ELSEWHERE = {
    "with another ServerName": "the end of a line whose beginning is there",
    "name the file": "a remedy behind a finding",
    "process group `…`: …": "what is in front of another message",
    "unknown option `…`…": "a heading of two words",
}


def quoted():
    """What the page quotes: headings that are messages, and the first columns of the tables of short answers."""
    headings = [part for heading in re.findall(r"^### `(.+)`$", GUIDE, re.M) for part in heading.split("`, `")]
    short = GUIDE.split("## Short answers")[1].split("\n## ")[0]
    return headings + cells(short)


def cells(text):
    """What the first columns of its tables quote."""
    return [cell for row in re.findall(r"^\| (`.+?) \| [^|]+ \|$", text, re.M) for cell in re.findall(r"`([^`]+)`", row)]


def texts():
    """All text of the code, so that messages with `{…}` and broken lines can be found in it."""
    files = [*ROOT.glob("src/**/*.rs"), *ROOT.glob("crates/*/src/**/*.rs"), *ROOT.glob("crates/*/src/**/*.py")]
    return "\n".join(re.sub(r"\\\n\s*", "", path.read_text()) for path in files).replace('\\"', '"')


def is_findable(message, page):
    """Whether three words of it that stand together in every such line are on the page."""
    runs = [part.split() for part in words(message)]
    return any(" ".join(run[at:at + 3]) in page for run in runs for at in range(len(run) - 2))


def test_messages_exist():
    """`…` stands for what varies in a message."""
    of_command = cells(EXPRESS.split("## What it says, and what to do")[1].split("\n## ")[0])
    assert len(quoted()) > 200 and len(of_command) > 25
    code = texts()
    pieces = {piece.strip(" `'") for message in quoted() + of_command for piece in message.split("…")}
    unknown = [piece for piece in pieces if len(piece) > 3 and piece not in code]
    assert not unknown, f"no message in the code has {unknown}"


def missing(found, text):
    """A line for each of these messages that a page does not have."""
    page = re.sub(r"\s+", " ", text)
    absent = {message: file for message, file in found.items() if not is_findable(message, page) and message not in ELSEWHERE}
    return "\n".join(f"{file}: {message}" for message, file in sorted(absent.items(), key=lambda item: item[1]))


def test_every_message_is_there():
    """Add a heading or a row of "Short answers" for a new one; what nobody looks for goes into ELSEWHERE."""
    found = messages()
    assert len(found) > 120
    assert not missing(found, GUIDE), f"docs/troubleshooting.md does not have these messages:\n{missing(found, GUIDE)}"
    assert set(ELSEWHERE) <= set(found)


def test_every_message_of_the_command_is_there():
    found = messages(command=True)
    assert len(found) > 25
    assert not missing(found, EXPRESS), f"docs/express.md does not have these messages:\n{missing(found, EXPRESS)}"
