"""The sdist: it has everything that a build needs, and is built by pip without a network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import httpd

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory):
    """Its files."""
    place = tmp_path_factory.mktemp("sdist")
    subprocess.run(["tar", "--extract", "--file", sdist, "--directory", place], check=True)
    return next(place.iterdir())


def test_it_has_every_file_of_the_commit(unpacked):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=httpd.REPOSITORY, check=True, capture_output=True, text=True).stdout
    names = {name for name in listed.split("\0") if name and (httpd.REPOSITORY / name).is_file()}
    missing = {name for name in names if not (unpacked / name).is_file()}
    assert missing == set()
    assert os.access(unpacked / "packaging/build", os.X_OK)
    assert "Name: mod_wsgi\n" in (unpacked / "PKG-INFO").read_text()


def test_it_has_the_sources_of_every_crate(unpacked):
    """cargo resolves everything without a network, from an empty home of its own."""
    result = subprocess.run(["cargo", "metadata", "--locked", "--offline", "--format-version=1", "--quiet",
                             "--config", 'source.crates-io.replace-with="vendored"',
                             "--config", f'source.vendored.directory="{unpacked}/vendor"'], cwd=unpacked, capture_output=True,
                            text=True, env={**os.environ, "CARGO_HOME": str(unpacked.parent / "cargo-home")})
    assert result.returncode == 0, result.stderr


def test_pip_knows_what_it_is(unpacked):
    code = ("import sys; sys.path.insert(0, 'packaging'); import mod_wsgi_build as b; "
            "print(b.prepare_metadata_for_build_wheel('..'))")
    result = subprocess.run([sys.executable, "-c", code], cwd=unpacked, check=True, capture_output=True, text=True)
    written = Path(unpacked.parent, result.stdout.strip(), "METADATA").read_text()
    assert written == (unpacked / "PKG-INFO").read_text()


@pytest.mark.timeout(3600)
@pytest.mark.skipif(not os.environ.get("PACKAGES_BUILD"), reason="a release build takes minutes: PACKAGES_BUILD=1")
def test_pip_builds_it_without_a_network(sdist, tmp_path):
    """In a network of its own, which has no way out, and with an empty home of cargo's."""
    line = ["unshare", "--net", sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--wheel-dir", tmp_path, sdist]
    environment = {name: value for name, value in os.environ.items() if name not in ("STAGE", "CARGO_TARGET_DIR")}
    result = subprocess.run(line, capture_output=True, text=True, env={**environment, "CARGO_HOME": str(tmp_path / "cargo")})
    assert result.returncode == 0, result.stderr
    assert len(list(tmp_path.glob("mod_wsgi-*.whl"))) == 1
