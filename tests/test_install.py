"""make install and make uninstall, into a folder of our own; and that the module links no Python."""

import os
import subprocess
from pathlib import Path

import pytest
from support import httpd

INSTALL = httpd.REPOSITORY / "apxs" / "install"
COMMAND = ("bin/mod_wsgi-express", "share/man/man8/mod_wsgi-express.8", "share/bash-completion/completions/mod_wsgi-express",
           "share/zsh/site-functions/_mod_wsgi-express", "share/fish/vendor_completions.d/mod_wsgi-express.fish")
DOCUMENTS = "/share/doc/mod_wsgi/"
pytestmark = pytest.mark.ours


def run(root, *arguments, **environment):
    """The script with DESTDIR."""
    return subprocess.run([INSTALL, *arguments], capture_output=True, text=True,
                          env={**os.environ, "DESTDIR": str(root), **environment})


def installed(root):
    """Every file below a folder."""
    return {f"/{path.relative_to(root)}" for path in Path(root).rglob("*") if path.is_file()}


def programs(root):
    """The same without documents."""
    return {name for name in installed(root) if DOCUMENTS not in name}


def test_install_and_uninstall(tmp_path):
    result = run(tmp_path, "install", str(httpd.module().parent))
    assert result.returncode == 0, result.stderr
    modules, settings = str(httpd.modules()), httpd.query("SYSCONFDIR")
    expected = {f"{modules}/{part}" for part in httpd.PARTS} | {f"/usr/local/{file}" for file in COMMAND}
    if Path(settings, "mods-available").exists():
        expected |= {f"{settings}/mods-available/wsgi.load", f"{settings}/mods-available/wsgi.conf"}
        line = Path(f"{tmp_path}{settings}/mods-available/wsgi.load").read_text()
        assert line == f"LoadModule wsgi_module {modules}/mod_wsgi.so\n"
        assert "a2enmod wsgi" in result.stdout
    assert programs(tmp_path) == expected
    assert f"/usr/local{DOCUMENTS}docs/install.md" in installed(tmp_path)
    assert subprocess.run([f"{tmp_path}/usr/local/bin/mod_wsgi-express", "--version"], check=False).returncode == 0
    assert Path(f"{tmp_path}{modules}/mod_wsgi_leader").stat().st_mode & 0o111 == 0o111
    assert run(tmp_path, "uninstall").returncode == 0
    assert installed(tmp_path) == set()


def test_the_command_is_put_below_prefix(tmp_path):
    result = run(tmp_path, "install", str(httpd.module().parent), PREFIX="/opt/wsgi")
    assert result.returncode == 0, result.stderr
    page, bash, zsh, fish = (Path(f"{tmp_path}/opt/wsgi/{file}").read_text() for file in COMMAND[1:])
    assert ".TH mod_wsgi" in page and "request\\-timeout" in page
    assert "--request-timeout" in bash and "--request-timeout" in zsh and "request-timeout" in fish
    assert run(tmp_path, "uninstall", PREFIX="/opt/wsgi").returncode == 0
    assert installed(tmp_path) == set()


def test_where_httpd_has_no_mods_available(tmp_path):
    apxs = tmp_path / "apxs"
    apxs.write_text(f"#!/bin/sh\ncase $2 in SYSCONFDIR) echo {tmp_path}/none;; *) echo {tmp_path}/modules;; esac\n")
    apxs.chmod(0o755)
    result = run(tmp_path / "dest", "install", str(httpd.module().parent), APXS=str(apxs))
    assert result.returncode == 0
    assert f"LoadModule wsgi_module {tmp_path}/modules/mod_wsgi.so" in result.stdout
    assert f"{tmp_path}/modules/mod_wsgi_leader" in installed(tmp_path / "dest")


def test_where_httpd_reads_conf_modules_d(tmp_path):
    """As on RPM systems: what is among the modules there cannot be executed, and a leader that an older build has left
    there would be the first to be found."""
    (tmp_path / "conf.modules.d").mkdir()
    apxs = tmp_path / "apxs"
    apxs.write_text(f"#!/bin/sh\ncase $2 in SYSCONFDIR) echo {tmp_path}/conf;; *) echo {tmp_path}/modules;; esac\n")
    apxs.chmod(0o755)
    old = Path(f"{tmp_path}/dest{tmp_path}/modules/mod_wsgi_leader")
    old.parent.mkdir(parents=True)
    old.write_text("")
    assert run(tmp_path / "dest", "install", str(httpd.module().parent), APXS=str(apxs)).returncode == 0
    files = installed(tmp_path / "dest")
    assert {f"{tmp_path}/conf.modules.d/10-wsgi.conf", "/usr/libexec/mod_wsgi_leader"} < files and not old.exists()
    assert run(tmp_path / "dest", "uninstall", APXS=str(apxs)).returncode == 0
    assert installed(tmp_path / "dest") == set()


@pytest.mark.parametrize("layout, module, more", [
    ("debian", "/usr/lib/apache2/modules/", {"/etc/apache2/mods-available/wsgi.load", "/etc/apache2/mods-available/wsgi.conf"}),
    ("fedora", "/usr/lib64/httpd/modules/", {"/etc/httpd/conf.modules.d/10-wsgi.conf"}), ("prefix", "/usr/lib/mod_wsgi/", set())])
def test_a_layout_needs_no_httpd_of_its_kind(tmp_path, layout, module, more):
    settings = {"LAYOUT": layout, "PREFIX": "/usr", "APXS": "/nothing/apxs"}
    result = run(tmp_path, "install", str(httpd.module().parent), **settings)
    assert result.returncode == 0, result.stderr
    command = {f"/usr/{file}".replace("site-functions", "vendor-completions" if layout == "debian" else "site-functions")
               for file in COMMAND}
    parts = {f"{module}{part}" for part in httpd.PARTS}
    if layout == "fedora":
        parts = parts - {f"{module}mod_wsgi_leader"} | {"/usr/libexec/mod_wsgi_leader"}
    assert programs(tmp_path) == parts | command | more
    assert all(f"LoadModule wsgi_module {module}mod_wsgi.so\n" == Path(f"{tmp_path}{file}").read_text()
               for file in more if not file.endswith("wsgi.conf") or "10-" in file)
    assert run(tmp_path, "uninstall", **settings).returncode == 0
    assert installed(tmp_path) == set()


def test_an_unknown_layout_is_refused(tmp_path):
    result = run(tmp_path, "install", str(httpd.module().parent), LAYOUT="gentoo")
    assert result.returncode != 0 and "LAYOUT is debian, fedora or prefix, not gentoo" in result.stderr


def test_messages(tmp_path):
    result = run(tmp_path, "install", str(tmp_path))
    assert result.returncode != 0 and "run make first" in result.stderr
    result = run(tmp_path, "install", str(tmp_path), APXS="/nothing/apxs")
    assert result.returncode != 0


def test_settings_for_the_whole_server_are_right(serve):
    server = serve(f"Include {INSTALL.parent}/wsgi.conf\nWSGIScriptAlias / ${{APPS}}/hello.py\n")
    assert server.get("/").status == 200


@pytest.mark.parametrize("part", httpd.PARTS)
def test_links_no_python(part):
    libraries = subprocess.run(["ldd", httpd.module().parent / part], capture_output=True, text=True).stdout
    assert "libpython" not in libraries and "not found" not in libraries


def test_a_leader_that_cannot_be_executed(serve):
    """The kernel opens a script once more to run it, and by then its descriptor is closed."""
    place = httpd.copy_of(httpd.module()).parent
    leader = place / "mod_wsgi_leader"
    leader.write_bytes(b"#!/bin/sh\necho not ours >&2\nexit 78\n")
    server = serve("WSGIDaemonProcess app\nWSGIScriptAlias / ${APPS}/hello.py process-group=app\n", run=False)
    server.conf.write_text(server.text.replace(str(httpd.module()), str(place / "mod_wsgi.so")))
    server.start()
    assert server.get("/").status == 503
    assert "process group `app` cannot be started: executing mod_wsgi_leader" in server.log()
