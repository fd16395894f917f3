"""The stubs in python/mod_wsgi-stubs (README.md, python-api.md): mypy takes an application that uses every name, and they are the real names."""

import ast
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from support import httpd
from support.ask import ask

STUBS = httpd.REPOSITORY / "python" / "mod_wsgi-stubs"
APPLICATION = Path(__file__).with_name("typed_application.py")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A Python with nothing but the stubs, installed as users do it."""
    place = tmp_path_factory.mktemp("stubs")
    source = place / "source"
    subprocess.run(["cp", "-r", str(STUBS), str(source)], check=True)  # the build leaves files where it runs
    venv.create(place / "venv")
    packages = next((place / "venv" / "lib").glob("python3*")) / "site-packages"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index",
                    "--disable-pip-version-check", "--target", str(packages), str(source)], check=True)
    return place / "venv" / "bin" / "python"


def mypy(python, source, *options):
    """What mypy says about a file."""
    return subprocess.run([sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--python-executable", str(python),
                           *options, str(source)], capture_output=True, text=True, cwd="/", check=False)


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_mypy_accepts_an_application_with_every_name(installed, version):
    result = mypy(installed, APPLICATION, "--python-version", version)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_sample_uses_every_name():
    text = APPLICATION.read_text()
    for module, names in (("mod_wsgi", declared("mod_wsgi")), ("apache", declared("apache"))):
        for name in names:
            assert f"{module}.{name}" in text, f"{APPLICATION.name} does not use {module}.{name}"


@pytest.mark.parametrize("line, complaint", [
    ("mod_wsgi.no_such_name", "attr-defined"), ("mod_wsgi.application_metrics()", "attr-defined"),
    ("mod_wsgi.version = 'x'", "assignment"), ("mod_wsgi.process_group + 1", "operator"),
    ("mod_wsgi.subscribe_events(callback=print)", "call-arg"), ("mod_wsgi.subscribe_events(7)", "type-var"),
    ("mod_wsgi.request_metrics()['pid']", "index"), ("mod_wsgi.server_metrics()['pid']", "index"),
    ("mod_wsgi.FileWrapper('a name')", "arg-type"), ("mod_wsgi.request_data().missing", "attr-defined")])
def test_mypy_refuses_what_does_not_work(installed, tmp_path, line, complaint):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(f"import mod_wsgi\n{line}\n")
    result = mypy(installed, wrong)
    assert result.returncode == 1 and f"[{complaint}]" in result.stdout, result.stdout


def test_the_installed_package_has_its_types_beside_them(installed, tmp_path):
    """The stubs are partial: what is in files, as mod_wsgi.express, is looked for in the package."""
    packages = next((installed.parent.parent / "lib").glob("python3*")) / "site-packages"
    shutil.copytree(STUBS.parent / "mod_wsgi" / "mod_wsgi", packages / "mod_wsgi", ignore=shutil.ignore_patterns("__pycache__"))
    try:
        sample = tmp_path / "sample.py"
        sample.write_text("import mod_wsgi\nfrom mod_wsgi.express import reloader\n\nreloader.track_changes(mod_wsgi.process_group)\n")
        result = mypy(installed, sample)
        assert result.returncode == 0, result.stdout
        sample.write_text("from mod_wsgi.express import reloader\n\nreloader.track_changes(7)\n")
        assert "[arg-type]" in mypy(installed, sample).stdout
    finally:
        shutil.rmtree(packages / "mod_wsgi")


def declared(module):
    """The public names of a stub."""
    tree = ast.parse((STUBS / f"{module}-stubs" / "__init__.pyi").read_text())
    names = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.append(node.target.id)
    return sorted(name for name in names if not name.startswith("_"))


def keys(name):
    """The keys of a TypedDict of the stubs."""
    tree = ast.parse((STUBS / "mod_wsgi-stubs" / "_types.pyi").read_text())
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return sorted(node.target.id for node in found.body if isinstance(node, ast.AnnAssign))


def test_the_stubs_have_the_real_names(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/evaluate.py\n", mode)
    for module in ("mod_wsgi", "apache"):
        assert ask(server, f"import {module}; answer = [name for name in dir({module}) if name[0] != '_']") == \
            declared(module)


def test_the_stubs_have_the_real_types_and_parameters(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/evaluate.py\n", mode)
    text = (STUBS / "mod_wsgi-stubs" / "__init__.pyi").read_text()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            count = len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs)
            assert ask(server, f"""
                import inspect
                try: answer = len(inspect.signature(mod_wsgi.{node.name}).parameters)
                except ValueError: answer = 0  # written in C
            """) == count, node.name
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = [one.name for one in node.body if isinstance(one, ast.FunctionDef)]
            missing = f"[name for name in {methods!r} if not hasattr(mod_wsgi.{node.name}, name)]"
            assert ask(server, missing) == [], node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Name):
            assert ask(server, f"type(mod_wsgi.{node.target.id}).__name__") == node.annotation.id, node.target.id


def test_the_stubs_have_the_real_keys(serve, mode):
    server = serve("WSGIServerMetrics On\nWSGIScriptAlias / ${APPS}/evaluate.py\n", mode, "threads=2 server-metrics=On")
    ask(server, "mod_wsgi.start_recording_metrics()")
    assert ask(server, "sorted(mod_wsgi.request_metrics())") == keys("RequestMetrics")
    assert ask(server, "sorted(mod_wsgi.process_metrics())") == keys("ProcessMetrics")
    assert ask(server, "sorted(mod_wsgi.process_metrics()['threads'][0])") == keys("ProcessThread")
    found = ask(server, "mod_wsgi.server_metrics()")
    assert sorted(found) == keys("ServerMetrics")
    assert sorted(found["processes"][0]) == keys("ServerProcess")
    assert sorted(found["processes"][0]["workers"][0]) == keys("ServerWorker")


def test_the_stubs_have_the_real_payloads(serve, mode):
    script = """import json, mod_wsgi
seen = {}
@mod_wsgi.subscribe_events
def note(name, **payload): seen.setdefault(name, sorted(payload))
def application(environ, start_response):
    if environ["PATH_INFO"] == "/raise": raise ValueError
    start_response("200 OK", [])
    return [json.dumps(seen).encode()]
"""
    server = serve("WSGIScriptAlias / ${ROOT}/noting.py\n", mode, "threads=1", files={"noting.py": script}, threads=1)
    server.get("/raise")
    seen = server.get("/").body.decode()
    for event, name in (("request_started", "RequestStarted"), ("response_started", "ResponseStarted"),
                        ("request_exception", "RequestException"), ("request_finished", "RequestFinished")):
        cpu = {"cpu_time", "cpu_user_time", "cpu_system_time"}
        found = set(ast.literal_eval(seen)[event])
        assert found | cpu == set(keys(name)) | cpu, event
