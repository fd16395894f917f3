"""The packages that are looked at here."""

import pytest
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
