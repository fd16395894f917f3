"""The host mapped into a process without Python, as an httpd child maps it, with each shared libpython that is here."""

import json
import os
import re
import struct
import subprocess
import sys

import pytest
from conftest import HERE, PYTHONS, ROOT
from driver import APPS, SETTINGS

WHERE = "import sysconfig as s; print(s.get_config_var('LIBDIR'), s.get_config_var('MULTIARCH') or '', s.get_config_var('INSTSONAME'))"


def _libpython(version):
    if not PYTHONS[version]:
        pytest.skip(f"there is no CPython {version}")
    folder, multiarch, name = subprocess.check_output([PYTHONS[version], "-c", WHERE], text=True).rstrip("\n").split(" ")
    for path in (os.path.join(folder, name), os.path.join("/usr/lib", multiarch, name)):
        if name.startswith("libpython") and ".so" in name and os.path.exists(path):
            return path
    pytest.skip(f"CPython {version} has no shared library")


def _payload(query="", group="", callable="application"):
    """A `contract::request::Request`, written by hand."""
    def text(value):
        value = value.encode()
        return struct.pack("<I", len(value)) + value

    variables = {"REQUEST_METHOD": "GET", "QUERY_STRING": query}
    head = struct.pack("<IBQQHHQQ", 2, 7, 0, 0, 0, 0, 0, 0) + text(str(APPS / "app.py")) + text(group) + text(callable) + b"\0"
    return head + struct.pack("<I", len(variables)) + b"".join(text(k) + text(v) for k, v in variables.items())


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The stand-in for httpd."""
    path = tmp_path_factory.mktemp("embed") / "embed"
    contract, = re.findall(r"const VERSION: u32 = (\d+);", (ROOT / "crates/contract/src/version.rs").read_text())
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", f"-DCONTRACT={contract}", "-o", str(path), str(HERE / "embed.c"), "-ldl"], check=True)
    return path


@pytest.fixture(params=PYTHONS)
def embed(request, program, hosts, tmp_path):
    """Runs requests in a fresh process; returns its completed process."""
    library = _libpython(request.param)

    def run(*payloads, environment=None, **settings):
        (tmp_path / "settings").write_text(json.dumps({**SETTINGS, "process_group": "", **settings}))
        files = []
        for number, payload in enumerate(payloads):
            files.append(tmp_path / str(number))
            files[-1].write_bytes(payload)
        command = [program, library, hosts("plain"), tmp_path / "settings", *files]
        environment = {"PATH": "/usr/bin:/bin", **(environment or {})}
        return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=60)

    run.version, run.python = request.param, PYTHONS[request.param]
    return run


def _value(done):
    assert done.returncode == 0 and done.stdout.endswith("stopped\n"), (done.stdout, done.stderr[-3000:])
    return re.search("body last (.*)", done.stdout).group(1)


def test_requests_run_in_main_and_sub_interpreters(embed):
    """Hello world, twice over; output is the request's, the end runs."""
    done = embed(_payload(), _payload(group="sub"), _payload(group="sub", callable="raise_before"), _payload(callable="at_end"))
    assert done.stdout.count("body last hello world\noutcome 0\n") == 2 and "outcome 500\n" in done.stdout, done
    assert "request 6: Loading WSGI script" in done.stderr and "server 3: [] process_stopping" in done.stderr
    assert "ValueError exception raised processing WSGI script" in done.stderr and done.stdout.endswith("stopped\n")


def test_settings_reach_python(embed, tmp_path):
    """Optimization, warnings, bytecode, hash seed, python-path."""
    query = "(sys.flags.optimize, sys.flags.dont_write_bytecode, sys.warnoptions, hash('a'), 'PYTHONHASHSEED' in os.environ, sys.path[0], sys.flags.utf8_mode, os.environ.get('PYTHON_EGG_CACHE'))"
    done = embed(_payload(query, callable="evaluate"), _payload(query, "sub", "evaluate"), optimize=1, warnings=["error"],
                 dont_write_bytecode=True, hash_seed="7", layers=[{"path": [str(tmp_path)]}], eggs="/eggs", environment={"LC_ALL": "C"})
    seeded = subprocess.check_output([embed.python, "-c", "print(hash('a'))"], env={"PYTHONHASHSEED": "7"}, text=True)
    expected = f"(1, 1, ['error'], {seeded.strip()}, False, {str(tmp_path)!r}, 1, '/eggs')"
    assert [line[10:] for line in done.stdout.splitlines() if line.startswith("body")] == [expected] * 2, done


def test_a_virtual_environment_is_found(embed, tmp_path):
    """`sys.prefix` and site-packages are the venv's; one of another version is refused with the reason."""
    subprocess.run([embed.python, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    query = "(sys.prefix, any(path.startswith(sys.prefix) and 'site-packages' in path for path in sys.path))"
    done = embed(_payload(query, callable="evaluate"), home=str(tmp_path / "venv"))
    assert _value(done) == repr((str(tmp_path / "venv"), True)), done
    config = tmp_path / "venv" / "pyvenv.cfg"
    config.write_text(re.sub(r"version = 3\.\d+", "version = 3.9", config.read_text()))
    done = embed(home=str(tmp_path / "venv"))
    assert done.returncode == 2 and "Python 3.9" in done.stdout and "WSGIPythonLibrary" in done.stdout, done


def test_without_a_home_it_is_the_system_python(embed):
    """The library knows where its standard library is."""
    done = embed(_payload("(sys.version_info[:2], os.__file__)", callable="evaluate"))
    assert f"(3, {embed.version[2:]})" in _value(done).replace("((", "("), (done, sys.version)
