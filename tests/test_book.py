"""The documents as a book: every page is in it, every link and picture leads somewhere, and mdBook builds it."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from support.blocks import FENCE, ROOT, pages

DOCS = ROOT / "docs"
SUMMARY = (DOCS / "SUMMARY.md").read_text()


def prose(path):
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text()))


def anchors(path):
    """The names by which the headings of a page can be linked, as GitHub and mdBook make them."""
    found, seen = set(), {}
    for heading in re.findall(r"^#{1,6} (.+)$", FENCE.sub("", path.read_text()), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        number = seen.get(name, 0)
        seen[name] = number + 1
        found.add(f"{name}-{number}" if number else name)
    return found | set(re.findall(r'<a (?:id|name)="([^"]+)"', path.read_text()))


def links(path):
    """(target, anchor) of each link to a place in this tree."""
    text = prose(path)
    targets = re.findall(r"\]\(\s*<?([^)>\s]*)>?[^)]*\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    return [target.partition("#")[::2] for target in targets if not re.match(r"[a-z]+:", target)]


def test_every_page_is_in_the_summary():
    listed = re.findall(r"\]\(([^)]+)\)", SUMMARY)
    assert len(listed) == len(set(listed))
    assert set(listed) == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} - {"SUMMARY.md"}
    assert "]()" not in SUMMARY


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links(path):
    for target, anchor in links(path):
        place = (path.parent / target) if target else path
        assert place.exists(), f"{path.name} links to {target}, which is not there"
        assert not anchor or anchor in anchors(place), f"{path.name} links to {target}#{anchor}, and there is no such heading"


def test_pages_of_the_book_link_out_of_it_by_address_only():
    """mdBook copies docs/ alone: a link to another folder of the tree would lead nowhere there."""
    for path in DOCS.rglob("*.md"):
        outside = [target for target, _ in links(path) if target.startswith("..")]
        assert not outside, f"{path.name} links to {outside}: name the file instead"


@pytest.mark.parametrize("path", sorted(path for path in DOCS.rglob("*.md") if path.name != "SUMMARY.md"), ids=lambda path: path.name)
def test_pages_say_what_they_are_for(path):
    """One heading, and prose before anything else."""
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    assert re.match(r"# \S", lines[0]) and re.match(r"[\w\"*`\[]", lines[1]), f"{path.name} begins with {lines[:2]}"
    assert len(re.findall(r"^# ", FENCE.sub("", path.read_text()), re.M)) == 1


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.svg")), ids=lambda path: path.name)
def test_pictures_can_be_read_by_everybody(path):
    """Well-formed, with a title for those who do not see it, readable on dark pages too, and used."""
    tree = ElementTree.parse(path)
    space = "{http://www.w3.org/2000/svg}"
    assert tree.getroot().find(f"{space}title") is not None and tree.getroot().get("viewBox")
    assert "prefers-color-scheme: dark" in path.read_text()
    assert any(path.name in page.read_text() for page in pages()), f"no page shows {path.name}"


def test_mdbook_builds_it(tmp_path):
    program = shutil.which("mdbook")
    if program is None:
        pytest.skip("MDBOOK IS NOT INSTALLED: whether it builds the book is not known here (cargo install mdbook)")
    result = subprocess.run([program, "build", "--dest-dir", tmp_path, ROOT], capture_output=True, text=True, timeout=60)
    said = result.stdout + result.stderr
    assert result.returncode == 0 and "WARN" not in said and "ERROR" not in said, said
    for page in DOCS.rglob("*.md"):
        if page.name != "SUMMARY.md":
            assert (tmp_path / page.relative_to(DOCS)).with_suffix(".html").exists(), page.name
