"""docs/troubleshooting.md has every message that an administrator can meet, and quotes none that does not exist."""

import re

from support.blocks import FENCE, ROOT
from support.messages import messages, words

GUIDE = FENCE.sub("", (ROOT / "docs/troubleshooting.md").read_text())

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
    cells = [cell for row in re.findall(r"^\| (`.+?) \| [^|]+ \|$", short, re.M) for cell in re.findall(r"`([^`]+)`", row)]
    return headings + cells


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
    assert len(quoted()) > 200
    code = texts()
    pieces = {piece.strip(" `'") for message in quoted() for piece in message.split("…")}
    missing = [piece for piece in pieces if len(piece) > 3 and piece not in code]
    assert not missing, f"no message in the code has {missing}"


def test_every_message_is_there():
    """Add a heading or a row of "Short answers" for a new one; what nobody looks for goes into ELSEWHERE."""
    page = re.sub(r"\s+", " ", GUIDE)
    found = messages()
    assert len(found) > 120
    missing = {message: file for message, file in found.items() if not is_findable(message, page) and message not in ELSEWHERE}
    listed = "\n".join(f"{file}: {message}" for message, file in sorted(missing.items(), key=lambda item: item[1]))
    assert not missing, f"docs/troubleshooting.md does not have these messages:\n{listed}"
    assert set(ELSEWHERE) <= set(found)
