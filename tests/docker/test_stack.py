"""The swarm's stack: three replicas behind the routing mesh, and a rolling update under load.

MOD_WSGI_STACK_PORT names the port of this machine that leads to port 8000 of the engine's, if it is another machine.
"""

import os
import re
import subprocess
import uuid

import pytest
from support.containers import ROOT, docker, has_image
from support.http import Connection, Cut
from support.load import Load
from support.processes import wait_until

DEMO = os.environ.get("MOD_WSGI_DEMO_IMAGE", "mod_wsgi-demo")
POSTGRES = os.environ.get("POSTGRES_IMAGE", "postgres:17")
PORT = int(os.environ.get("MOD_WSGI_STACK_PORT", "8000"))
STACK = f"test{uuid.uuid4().hex[:8]}"
PATIENCE = int(os.environ.get("MOD_WSGI_STACK_PATIENCE", "300"))  # seconds for one step
pytestmark = pytest.mark.timeout(8 * PATIENCE)

# Whether the kernel has the balancer of the routing mesh: loaded, as a module, or built in.
BALANCES = 'test -e /proc/sys/net/ipv4/vs || grep -qs /ip_vs.ko /lib/modules/$(uname -r)/modules.dep /lib/modules/$(uname -r)/modules.builtin'


def deploy(image):
    """Deploys the stack with an image of the demo."""
    settings = {**os.environ, "DEMO_IMAGE": image, "POSTGRES_IMAGE": POSTGRES, "DEMO_PORT": "8000"}
    words = ["docker", "stack", "deploy", "--resolve-image", "never", "-c", ROOT / "docker/stack.yaml", STACK]
    said = []

    def deployed():
        """A manager on a busy machine may be too late with its answer; the same command may be given again."""
        result = subprocess.run(words, capture_output=True, text=True, env=settings)
        said.append(result.stderr)
        assert result.returncode == 0 or "deadline" in result.stderr or "out of sequence" in result.stderr, said
        return result.returncode == 0

    wait_until(deployed, PATIENCE, "the deployment", 2)


def tasks(image):
    """Ids of running tasks of the site with this image. A task runs when it is healthy."""
    listed = docker("service", "ps", f"{STACK}_web", "--filter", "desired-state=running", "--format", "{{.ID}} {{.Image}} {{.CurrentState}}",
                    check=False).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [name for name, of, state in rows if of == image and state.startswith("Running")]


def containers(*options):
    """Ids of the site's containers, ended ones as well."""
    return docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.swarm.service.name={STACK}_web", *options).stdout.split()


def errors():
    """What the replicas have logged as wrong: the message of a test in which a request failed."""
    found = []
    for replica in containers():
        logged = docker("logs", replica, check=False).stderr.splitlines()
        found += [f"{replica}: {line}" for line in logged if re.search(r":(error|crit)\]|Error:|[Ee]rror: ", line)]
    return "\n".join(found[-40:])


def update():
    """What is known about the service's last update."""
    return docker("service", "inspect", "--format", "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}", f"{STACK}_web",
                  check=False).stdout.strip()


class Address:
    """What [`Load`] takes for a server."""

    port = PORT


@pytest.fixture(scope="module")
def images():
    """The demo, and another version of it."""
    for image in (DEMO, POSTGRES):
        if not has_image(image):
            pytest.skip(f"THE ENGINE HAS NO IMAGE {image}: make test-docker")
    other = f"mod_wsgi-demo-test:{uuid.uuid4().hex[:8]}"
    subprocess.run(["docker", "build", "--quiet", "--tag", other, "-"], input=f"FROM {DEMO}\nENV DEMO_VERSION=2\n", text=True, check=True,
                   stdout=subprocess.DEVNULL)
    first = f"{DEMO}:latest" if ":" not in DEMO else DEMO
    yield first, other
    docker("image", "rm", "--force", other, check=False)


@pytest.fixture(scope="module")
def stack(images):
    """The stack, with three healthy replicas."""
    if docker("info", "--format", "{{.Swarm.LocalNodeState}}").stdout.strip() != "inactive":
        pytest.skip("THE ENGINE IS PART OF A SWARM ALREADY: the stack is not deployed there")
    if docker("run", "--rm", "--volume", "/lib/modules:/lib/modules:ro", DEMO, "sh", "-c", BALANCES, check=False).returncode != 0:
        pytest.skip("THE ENGINE'S KERNEL HAS NO ip_vs: there is no routing mesh, and the stack cannot be tested")
    docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--dispatcher-heartbeat", "30s")
    try:
        subprocess.run([ROOT / "docker/make-secrets"], check=True)
        deploy(images[0])
        wait_until(lambda: len(tasks(images[0])) == 3, PATIENCE, "three replicas", 2)
        yield
        docker("stack", "rm", STACK)
        wait_until(lambda: not docker("ps", "--quiet", "--filter", f"label=com.docker.stack.namespace={STACK}").stdout, PATIENCE, "the end", 2)
    finally:
        wait_until(lambda: docker("swarm", "leave", "--force", check=False).returncode == 0, PATIENCE, "the end of the swarm", 2)
        for volume in ("database", "media"):
            docker("volume", "rm", "--force", f"{STACK}_{volume}", check=False)


def answers():
    """Whether the mesh leads to a replica, and the migration has been."""
    try:
        with Connection(PORT, timeout=60) as client:
            return client.request("GET", "/export/").status == 200
    except (OSError, Cut):
        return False


def test_the_mesh_spreads_requests(stack):
    """Over all three: each logs a part of them."""
    wait_until(answers, PATIENCE, "the mesh", 1)
    assert all(answers() for _ in range(30))
    replicas = containers("--filter", "status=running")
    counts = [docker("logs", replica).stdout.count("GET /export/") for replica in replicas]
    assert len(counts) == 3 and all(counts), counts


def test_a_rolling_update_fails_no_request(stack, images):
    """New connections, kept ones, and pages that need the database, all the time; every answer is whole and 200."""
    wait_until(answers, PATIENCE, "the mesh", 1)
    with Load(Address, "/export/", clients=1) as fresh, Load(Address, "/about/", clients=1, keep=True) as kept, \
            Load(Address, "/static/notes/style.css", clients=1) as static:
        wait_until(lambda: fresh.count > 5 and kept.count > 5, PATIENCE, "the load")
        deploy(images[1])
        wait_until(lambda: update() == "completed", 4 * PATIENCE, "the update", 2)
        wait_until(lambda: len(tasks(images[1])) == 3 and not tasks(images[0]), PATIENCE, "three new replicas", 2)
        more = fresh.count + 5
        wait_until(lambda: fresh.count > more, PATIENCE, "requests after the update")
    print(f"answered: {fresh.count} on connections of their own, {kept.count} on kept ones, {static.count} files")
    for load in (fresh, kept, static):
        assert not load.failures, f"{load.path}: {load.failures}\n{errors()}"
        load.assert_clean(at_least=20)


def test_a_broken_version_is_rolled_back(stack, images):
    """It never becomes healthy, so it never gets a request, and the old replicas stay."""
    broken = f"mod_wsgi-demo-test:{uuid.uuid4().hex[:8]}"
    subprocess.run(["docker", "build", "--quiet", "--tag", broken, "-"], input=f"FROM {DEMO}\nENV MOD_WSGI_SCRIPT=/srv/app/nothing.py\n",
                   text=True, check=True, stdout=subprocess.DEVNULL)
    try:
        with Load(Address, "/about/", clients=1) as load:
            deploy(broken)
            wait_until(lambda: update() == "rollback_completed", 4 * PATIENCE, "the rollback", 2)
        print(f"answered while the broken version was tried: {load.count}")
        load.assert_clean(at_least=5)
    finally:
        docker("image", "rm", "--force", broken, check=False)
