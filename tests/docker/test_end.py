"""How a container ends, and how it is found to be ill."""

import time

import pytest
from support.containers import docker
from support.http import Connection, Cut
from support.processes import wait_until

ONE = ("--env", "MOD_WSGI_PROCESSES=1", "--env", "MOD_WSGI_THREADS=1")


def busy(container, count=1):
    """Waits until so many requests run."""
    wanted = f'mod_wsgi_threads_busy{{process_group="site"}} {count}'
    wait_until(lambda: wanted in container.get("/metrics", port=8081).text, 30, "the running request", 0.1)


def refused(container):
    """Whether nobody answers at the site's port any more."""
    try:
        container.get("/")
        return False
    except (OSError, Cut):
        return True


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_running_requests_are_finished(run, signal):
    container = run()
    with Connection(container.port, timeout=60) as client:
        client.start("GET", "/slow?6")
        busy(container)
        container.signal(signal)
        wait_until(lambda: refused(container), 5, "the end of listening", 0.1)
        assert client.finish().text == "here"
    assert container.ended() == 0


def test_docker_stop_drains(run):
    container = run()
    with Connection(container.port, timeout=60) as client:
        client.start("GET", "/slow?4")
        busy(container)
        docker("stop", "--time", "40", container.name)
        assert client.finish().text == "here"
    assert container.state("ExitCode") == 0


def test_kept_connections_are_closed_while_it_drains(run):
    """Its end is announced, and it still takes new connections for the time of the delay."""
    container = run("--env", "MOD_WSGI_DRAIN_DELAY=4")
    with Connection(container.port) as client:
        assert client.request("GET", "/").header("Connection") != "close"
        container.signal("TERM")
        wait_until(lambda: container.get("/").header("Connection") == "close", 4, "the announcement", 0.1)
        assert client.request("GET", "/").header("Connection") == "close"
    assert container.ended() == 0


def test_drain_before_the_signal(run):
    """As preStop does: the delay is not waited for twice."""
    container = run("--env", "MOD_WSGI_DRAIN_DELAY=300")
    docker("exec", container.name, "mod_wsgi-drain", "1")
    assert container.get("/").header("Connection") == "close"
    container.signal("TERM")
    assert container.ended() == 0


def test_requests_that_run_too_long_are_ended(run):
    container = run("--env", "MOD_WSGI_STOP_TIMEOUT=2")
    with Connection(container.port, timeout=100) as client:
        client.start("GET", "/slow?90")
        busy(container)
        started = time.monotonic()
        container.signal("TERM")
        try:
            assert client.finish().status == 502
        except (Cut, OSError):
            pass  # or its connection was
        container.ended()
        assert time.monotonic() - started < 60


def test_quit_ends_at_once(run):
    container = run("--env", "MOD_WSGI_DRAIN_DELAY=300")
    container.signal("QUIT")
    container.ended()


def test_a_signal_while_it_starts(run):
    """Before httpd listens to signals the container ends, too."""
    container = run(wait=False)
    container.signal("TERM")
    container.ended()


def test_a_terminal_of_another_size(run):
    """WINCH, which httpd takes for a graceful stop, does not reach it."""
    container = run("--tty")
    container.signal("WINCH")
    docker("exec", container.name, "sh", "-c", "stty cols 80 </proc/1/fd/0 || true")
    assert container.get("/").text == "here" and container.state("Running")


def test_health(run):
    """Healthy, then not, once the only thread is stuck; the answer says why, and metrics go on."""
    container = run(*ONE, "--env", "MOD_WSGI_HEALTH_TIMEOUT=1", "--health-interval", "1s", "--health-retries", "2")
    wait_until(lambda: container.state("Health")["Status"] == "healthy", 60, "a healthy container", 0.5)
    with Connection(container.port) as client:
        client.start("GET", "/stick")
        busy(container)
        wait_until(lambda: container.state("Health")["Status"] == "unhealthy", 60, "an unhealthy container", 0.5)
        assert "no answer within 1 s" in container.state("Health")["Log"][-1]["Output"]
        assert container.get("/metrics", port=8081).status == 200
        assert container.get("/alive", port=8081).status == 204


def test_health_of_a_broken_application(run, build, image):
    name = build(f"FROM {image}\nCOPY wsgi.py /srv/app/\n", {"wsgi.py": "raise RuntimeError('broken')\n"})
    container = run("--health-interval", "1s", "--health-retries", "2", "--health-start-period", "0s", image=name, wait=False)
    wait_until(lambda: container.state("Health")["Status"] == "unhealthy", 60, "an unhealthy container", 0.5)
    assert "answered with 500" in container.state("Health")["Log"][-1]["Output"]
