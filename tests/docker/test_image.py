"""The image as docs/containers.md describes it: who it runs as, what it may, where its logs go, how it is configured."""

import re

import pytest
from support.containers import READ_ONLY, Container, docker
from support.processes import wait_until


@pytest.fixture(scope="module")
def shared(site):
    """One container for tests that only ask."""
    container = Container(site, *READ_ONLY)
    try:
        yield container.serving()
    finally:
        container.remove()


def test_user_and_root_file_system(shared):
    assert shared.get("/user").text == "10001 10001"
    assert shared.get("/write?/srv/app/x").text == "Read-only file system"
    assert shared.get("/write?/tmp/x").text == "written"


def test_any_user(run):
    assert run("--user", "12345:0").get("/user").text == "12345 0"


def test_everything_belongs_to_root(image):
    """Nothing but the two folders can be changed by the user, even where the root file system can be written."""
    command = "find / -xdev -writable -not -type l -not -path '/proc/*' -not -path '/dev/*' 2>/dev/null || true"
    found = docker("run", "--rm", "--entrypoint", "sh", image, "-c", command).stdout.split()
    allowed = ("/tmp", "/var/tmp", "/run/mod_wsgi", "/run/lock", "/var/lock")
    assert not [path for path in found if path not in allowed and not path.startswith(("/proc", "/sys"))]


def test_no_tools(image):
    names = "gcc cc make cargo rustc pip pip3 git curl wget apxs apxs2 perl5.00"
    assert docker("run", "--rm", "--entrypoint", "sh", image, "-c", f"command -v {names}", check=False).stdout == ""


def test_logs(shared):
    """Requests on stdout, errors and the application's words on stderr, health checks nowhere."""
    shared.get("/logged")
    out, err = wait_until(lambda: (lambda logs: "/logged" in logs[0] and logs)(shared.logs()), 10, "the access log")
    assert re.search(r'"GET /logged HTTP/1.1" 200 4 \d+ ', out)
    assert "the application was asked for /logged" in err and "the application" not in out
    docker("exec", shared.name, "mod_wsgi-healthy")
    assert "mod_wsgi-healthy" not in "".join(shared.logs())


def test_status_port(shared):
    """Metrics and a sign of life for the network, pages with URLs for the container itself."""
    assert shared.get("/alive", port=8081).status == 204
    metrics = shared.get("/metrics", port=8081)
    assert metrics.status == 200
    assert re.search(r'^mod_wsgi_threads\{process_group="site"\} 16$', metrics.text, re.M), metrics.text[:2000]
    for path in ("/status", "/server-status", "/"):
        assert shared.get(path, port=8081).status == 403
    inside = "exec 3<>/dev/tcp/127.0.0.1/8081; printf 'GET /status HTTP/1.0\\r\\n\\r\\n' >&3; head -1 <&3"
    assert "200" in docker("exec", shared.name, "bash", "-c", inside).stdout


def test_variables(run):
    container = run("--env", "MOD_WSGI_PROCESSES=1", "--env", "MOD_WSGI_THREADS=3", "--env", "SITE_SETTING=two words")
    assert container.get("/environ?SITE_SETTING").text == "two words"
    assert 'mod_wsgi_threads{process_group="site"} 3' in container.get("/metrics", port=8081).text


def test_site_of_a_volume(run, image):
    """A folder over sites/, as a ConfigMap is; after a change HUP is enough."""
    volume = docker("volume", "create").stdout.strip()

    def write(header):
        text = f'Header always set X-Site {header}\\nWSGIScriptAlias / /srv/app/wsgi.py\\n<Directory /srv/app>\\nRequire all granted\\n</Directory>\\n'
        docker("run", "--rm", "--user", "0", "--entrypoint", "sh", "--volume", f"{volume}:/sites", image, "-c", f"printf '{text}' >/sites/a.conf")

    write("one")
    container = run("--volume", f"{volume}:/etc/mod_wsgi/sites:ro")
    try:
        assert container.get("/").header("X-Site") == "one"
        write("two")
        container.signal("HUP")
        wait_until(lambda: container.get("/").header("X-Site") == "two", 30, "the new configuration", 0.2)
    finally:
        container.remove()
        docker("volume", "rm", "--force", volume)


def test_static_files(run, site, build):
    """A folder /srv/app/static is served by httpd."""
    container = run(image=build(f"FROM {site}\nCOPY a.css /srv/app/static/\n", {"a.css": "a { color: red }"}))
    assert container.get("/static/a.css").header("Content-Type").startswith("text/css")


def test_embedded_mode(run, site, build):
    conf = "WSGIScriptAlias / /srv/app/wsgi.py\n<Directory /srv/app>\nRequire all granted\n</Directory>\n"
    container = run(image=build(f"FROM {site}\nCOPY site.conf /etc/mod_wsgi/sites/\n", {"site.conf": conf}))
    assert container.get("/").text == "here"
    assert 'process_group="site"' not in container.get("/metrics", port=8081).text


def test_other_commands(image):
    assert docker("run", "--rm", *("--read-only",), image, "python3", "-c", "print(6 * 7)").stdout == "42\n"
    assert "mod_wsgi-express" in docker("run", "--rm", image, "mod_wsgi-express", "--version").stdout


def test_a_folder_that_cannot_be_written_is_named(image):
    result = docker("run", "--rm", "--read-only", image, check=False)
    assert result.returncode == 1
    assert "cannot write to /run/mod_wsgi; mount a tmpfs" in result.stderr


def test_a_mistake_in_the_site_ends_the_container(image, build):
    name = build(f"FROM {image}\nCOPY site.conf /etc/mod_wsgi/sites/\n", {"site.conf": "WSGIDaemonProcess site threds=3\n"})
    result = docker("run", "--rm", name, check=False)
    assert result.returncode != 0 and "threds" in result.stderr
