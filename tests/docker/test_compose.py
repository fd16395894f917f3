"""The demo with PostgreSQL, as docs/containers.md starts it. MOD_WSGI_DEMO_IMAGE and POSTGRES_IMAGE name its images; `make
test-docker` builds the first, and a stand-in for the second where there is no registry.
"""

import os
import re
import subprocess

import pytest
from support.containers import ROOT, docker, has_image
from support.http import Connection
from support.processes import wait_until
from support.server import free_port

DEMO = os.environ.get("MOD_WSGI_DEMO_IMAGE", "mod_wsgi-demo")
POSTGRES = os.environ.get("POSTGRES_IMAGE", "postgres:17")


def compose(project, *words, **variables):
    """Runs docker compose with the file of the repository."""
    settings = {**os.environ, "DEMO_IMAGE": DEMO, "POSTGRES_IMAGE": POSTGRES, **variables}
    result = subprocess.run(["docker", "compose", "-p", project, "-f", ROOT / "docker/compose.yaml", *words], capture_output=True,
                            text=True, env=settings)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.fixture(scope="module")
def demo():
    """The project, up: a function that runs compose, and the port."""
    for image in (DEMO, POSTGRES):
        if not has_image(image):
            pytest.skip(f"THE ENGINE HAS NO IMAGE {image}: make test-docker")
    if docker("compose", "version", check=False).returncode != 0:
        pytest.skip("THERE IS NO docker compose HERE: the demo with PostgreSQL cannot be tested")
    subprocess.run([ROOT / "docker/make-secrets"], check=True)
    project, port = f"mod_wsgi-test-{os.getpid()}", free_port()

    def run(*words):
        return compose(project, *words, DEMO_PORT=str(port))

    try:
        run("up", "--detach", "--wait", "--no-build")
        yield run, port
    finally:
        run("down", "--volumes", "--timeout", "5")


def save(port, title):
    """Saves a note, as a browser does; the page that follows."""
    with Connection(port) as client:
        page = client.request("GET", "/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    cookies = "; ".join(value.split(";")[0] for value in page.all("Set-Cookie"))
    boundary = "boundary"
    fields = {"csrfmiddlewaretoken": token, "title": title, "text": "in a container"}
    body = "".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    body += f'--{boundary}\r\nContent-Disposition: form-data; name="attachment"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nattached\r\n'
    with Connection(port) as client:
        answer = client.request("POST", "/", {"Cookie": cookies, "Content-Type": f"multipart/form-data; boundary={boundary}"},
                                (body + f"--{boundary}--\r\n").encode())
    assert answer.status == 302, answer.text[:2000]


def test_notes_are_in_postgresql(demo):
    run, port = demo
    save(port, "from the test")
    query = ["psql", "-h", "/var/run/postgresql", "-U", "demo", "-d", "demo", "-Atc", "SELECT title FROM notes_note"]
    password = (ROOT / "docker/secrets/database_password").read_text().strip()
    assert run("exec", "-T", "-e", f"PGPASSWORD={password}", "database", *query).split("\n")[0] == "from the test"
    with Connection(port) as client:
        assert "from the test" in client.request("GET", "/").text
    with Connection(port) as client:
        assert client.request("GET", "/notes/1/attachment/").text == "attached"


def test_static_files(demo):
    with Connection(demo[1]) as client:
        assert client.request("GET", "/static/notes/style.css").header("Content-Type").startswith("text/css")


def test_notes_outlive_their_containers(demo):
    run, port = demo
    save(port, "to be kept")
    run("up", "--detach", "--wait", "--no-build", "--force-recreate")
    with Connection(port) as client:
        assert "to be kept" in client.request("GET", "/").text


def test_the_site_waits_for_the_migration(demo):
    """Which ended well, before."""
    run, _ = demo
    times = {}
    for service in ("migrate", "web"):
        name = run("ps", "--all", "--quiet", service).strip()
        times[service] = docker("inspect", "--format", "{{.State.StartedAt}} {{.State.FinishedAt}} {{.State.ExitCode}}", name).stdout.split()
    assert times["migrate"][2] == "0" and times["migrate"][1] < times["web"][0]


def test_secrets_are_not_in_the_image_or_the_environment(demo):
    run, _ = demo
    web = run("ps", "--quiet", "web").strip()
    said = docker("inspect", web, DEMO).stdout + docker("history", "--no-trunc", DEMO).stdout
    for file in (ROOT / "docker/secrets").iterdir():
        assert file.read_text().strip() not in said
    found = docker("run", "--rm", "--user", "0", "--entrypoint", "sh", DEMO, "-c", "find / -xdev -name 'database_password' -o -xdev -name 'secret_key'")
    assert found.stdout == ""


def test_a_restart_of_the_database_is_survived(demo):
    run, port = demo
    run("restart", "database")

    def answers():
        with Connection(port) as client:
            return client.request("GET", "/").status == 200
    wait_until(answers, 60, "the page after the restart of the database", 0.5)
