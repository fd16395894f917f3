"""The list of crates in every package: each crate that is linked in, with its license and the text of that."""

import subprocess

import pytest
from support import httpd


@pytest.fixture(scope="module")
def listed():
    """The list, as packages have it."""
    result = subprocess.run([httpd.REPOSITORY / "packaging/crates"], check=True, capture_output=True, text=True)
    return result.stdout


def test_crates_that_are_linked_in_are_listed(listed):
    names = {line.split()[0] for line in listed.splitlines() if line.startswith("    ") and ", " in line and ": " in line}
    assert {"libc", "rustix", "serde", "serde_json", "pyo3", "clap"} <= names
    assert not names & {"bindgen", "cc", "syn", "serde_derive", "windows-sys"}, "these build something, or are not for this system"


def test_every_crate_comes_with_the_text_of_its_license(listed):
    head, *texts = listed.split("\n" + "-" * 100 + "\n")
    crates = [line.strip().partition(",")[0] for line in head.splitlines() if line.startswith("    ")]
    named = {name for text in texts for name in text.splitlines()[0].removesuffix(":").split(", ")}
    assert crates and [crate for crate in crates if crate not in named] == []
    assert "WITHOUT WARRANTY OF ANY KIND" in listed and "Apache License" in listed


def test_it_is_the_same_every_time(listed):
    again = subprocess.run([httpd.REPOSITORY / "packaging/crates"], check=True, capture_output=True, text=True).stdout
    assert again == listed and str(httpd.REPOSITORY) not in listed and "/.cargo/" not in listed
