"""The packages that are looked at here, and systems for them."""

import os
import shutil

import pytest
from support import debian
from support.debian_site import Site
from support.packaged import needs, package


@pytest.fixture(scope="session")
def deb():
    """The Debian package."""
    needs("dpkg-deb")
    return package("libapache2-mod-wsgi-rs_*.deb", "deb")


@pytest.fixture(scope="session")
def rpm():
    """The RPM package."""
    needs("rpm")
    return package("mod_wsgi-rs-*.rpm", "rpm")


@pytest.fixture(scope="session")
def wheel():
    """The wheel."""
    return package("mod_wsgi-*.whl", "wheel")


@pytest.fixture(scope="session")
def sdist():
    """The sdist."""
    return package("mod_wsgi-*.tar.gz", "wheel")


@pytest.fixture(params=os.environ.get("PACKAGES_SUITES", "bookworm").split(","))
def site(request):
    """The site on a system of its own."""
    system = debian.copy(request.param)
    try:
        yield Site(system)
    finally:
        system.close()
        shutil.rmtree(system.folder, ignore_errors=True)
