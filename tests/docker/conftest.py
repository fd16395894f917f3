"""The image under test: MOD_WSGI_IMAGE, else the one that `make image` has built; and an application in it.

DOCKER_HOST may name an engine elsewhere: nothing here mounts a folder of this machine, but for compose's secrets.
"""

import os
import uuid

import pytest
from support.containers import READ_ONLY, Container, docker, has_image, missing

APPLICATION = '''"""What the tests ask the container for."""
import os, sys, threading, time

STUCK = threading.Event()

def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/slow":
        time.sleep(float(query))
    if path == "/stick":
        STUCK.wait()
    answer = "here"
    if path == "/user":
        answer = f"{os.getuid()} {os.getgid()}"
    if path == "/write":
        try:
            open(query, "w").close()
            answer = "written"
        except OSError as error:
            answer = error.strerror
    if path == "/environ":
        answer = os.environ.get(query, "")
    print("the application was asked for", path, file=environ["wsgi.errors"])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer.encode()]
'''


def pytest_collection_modifyitems(items):
    """Without an engine or an image there is nothing to test."""
    reason = missing()
    if reason is None and not has_image(image_name()):
        reason = f"THE ENGINE HAS NO IMAGE {image_name()}: make image"
    for item in items:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


def image_name():
    """The image under test."""
    return os.environ.get("MOD_WSGI_IMAGE", "mod_wsgi")


@pytest.fixture(scope="session")
def image():
    """The server's image."""
    return image_name()


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Builds an image from files and a Dockerfile; its name."""
    made = []

    def make(dockerfile, files=None):
        context = tmp_path_factory.mktemp("image")
        for name, text in {"Dockerfile": dockerfile, **(files or {})}.items():
            (context / name).write_text(text)
        name = f"mod_wsgi-test:{uuid.uuid4().hex[:12]}"
        docker("build", "--quiet", "--tag", name, context)
        made.append(name)
        return name

    yield make
    for name in made:
        docker("image", "rm", "--force", name, check=False)


@pytest.fixture(scope="session")
def site(build, image):
    """The image with the application."""
    return build(f"FROM {image}\nCOPY wsgi.py /srv/app/\n", {"wsgi.py": APPLICATION})


@pytest.fixture
def run(site):
    """Starts containers of the site, read-only and without capabilities unless it says otherwise."""
    made = []

    def start(*options, image=site, safe=True, command=(), wait=True):
        container = Container(image, *(READ_ONLY if safe else ()), *options, command=command)
        made.append(container)
        return container.serving() if wait else container

    yield start
    for container in made:
        container.remove()
