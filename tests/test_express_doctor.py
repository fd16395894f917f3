"""mod_wsgi-express doctor: what mod_wsgi finds in a configuration, for people and for programs."""

import json
import os
import pty
import re
import subprocess

import pytest
from support import httpd
from support.express import program

pytestmark = pytest.mark.ours


def doctor(express, *words):
    """The command."""
    return express.run(program(), "doctor", *words)


@pytest.fixture
def site(express):
    """A server root with a process group that nothing uses."""
    more = express.write("more.conf", "WSGIDaemonProcess idle threads=2\n")
    result = express.setup("wsgi.py", "--include-file", more)
    assert result.returncode == 0, result.stderr
    return express


def test_nothing_is_wrong(express):
    assert express.setup("wsgi.py").returncode == 0
    for place in (express.root, express.root / "httpd.conf"):
        result = doctor(express, place)
        assert result.returncode == 0, result.stdout + result.stderr
        assert result.stdout == f"{express.root}/httpd.conf: httpd starts with it; 0 errors, 0 warnings, 0 hints\n"


def test_a_finding_with_its_place_and_remedy(site):
    result = doctor(site, site.root)
    assert result.returncode == 0
    assert re.search(rf"^(hint|warning) process group `idle`, {site.folder}/more.conf:1\n    .+\n    remedy: .+\n", result.stdout, re.M)
    assert re.search(r"httpd starts with it; 0 errors, (0 warnings, 1|1 warnings, 0) hints", result.stdout)
    assert "\x1b" not in result.stdout


def test_for_programs(site):
    answer = json.loads(doctor(site, site.root, "--json").stdout)
    assert answer["configuration"] == f"{site.root}/httpd.conf" and answer["starts"] is True
    finding, = answer["findings"]
    assert finding["group"] == "idle" and finding["line"] == 1 and finding["file"] == f"{site.folder}/more.conf"
    assert finding["what"] and finding["text"].endswith(finding["remedy"])


def test_colours_on_a_terminal(site):
    for more, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
        ours, theirs = pty.openpty()
        subprocess.run([program(), "doctor", str(site.root)], stdout=theirs, stdin=subprocess.DEVNULL, cwd=site.folder, timeout=60,
                       check=True, env=site.environment(**more), **site.identity())
        said = os.read(ours, 65536)
        os.close(ours)
        os.close(theirs)
        assert (b"\x1b[1;" in said) is expected and b"idle" in said


def test_an_error(site):
    """A configuration with which httpd does not start: the status says so."""
    conf = site.root / "httpd.conf"
    conf.write_text(conf.read_text().replace("WSGIPythonHome /usr", "WSGIPythonHome /nothing"))
    result = doctor(site, site.root)
    assert result.returncode == 1
    assert re.search(r"^error .*\n    .*/nothing.*\n    remedy: ", result.stdout, re.M), result.stdout
    assert "httpd does not start with it" in result.stdout
    assert json.loads(doctor(site, site.root, "--json").stdout)["starts"] is False


def test_a_mistake_that_httpd_finds_itself(site):
    conf = site.root / "httpd.conf"
    conf.write_text(conf.read_text() + "NoSuchDirective on\n")
    result = doctor(site, conf)
    assert result.returncode == 1 and "Invalid command 'NoSuchDirective'" in result.stdout
    assert any("NoSuchDirective" in line for line in json.loads(doctor(site, conf, "--json").stdout)["messages"])


def test_without_mod_wsgi(express):
    conf = express.write("plain.conf", f"ServerName x\nListen 127.0.0.1:{express.port}\nPidFile {express.folder}/pid\n"
                         f"ErrorLog {express.folder}/log\n{httpd.load_lines(['mpm_event'])}\n")
    result = doctor(express, conf)
    assert result.returncode == 1 and f"{conf} does not load mod_wsgi" in result.stderr


def test_a_configuration_beside_that_of_a_server_root(site):
    """The control script of the folder is for another one."""
    conf = site.root / "other.conf"
    conf.write_text(site.conf() + "WSGIDaemonProcess other\n")
    answer = json.loads(doctor(site, conf, "--json").stdout)
    assert answer["configuration"] == str(conf)
    assert {finding["group"] for finding in answer["findings"]} == {"idle", "other"}


def test_a_system_whose_configuration_wants_variables(express):
    """As Debian's apache2.conf with its envvars; and without a name it is what httpd reads by default."""
    conf = express.write("etc/apache2.conf", f"ServerName ${{OWN_NAME}}\nListen 127.0.0.1:{express.port}\nPidFile {express.folder}/pid\n"
                         f"ErrorLog {express.folder}/log\n{httpd.load_lines(['mpm_event'])}\nLoadModule wsgi_module {httpd.module()}\n"
                         + ("User www-data\nGroup www-data\n" if express.user == "root" else ""))
    express.write("etc/envvars", "export OWN_NAME=example.com\n")
    result = doctor(express, conf, "--json")
    assert "OWN_NAME" not in result.stdout and result.returncode == 0, result.stdout + result.stderr
    own = express.write("own-httpd", f"#!/bin/sh\n[ \"$1\" != -V ] || {{ echo ' -D HTTPD_ROOT=\"{express.folder}\"'; "
                        f"echo ' -D SERVER_CONFIG_FILE=\"etc/apache2.conf\"'; exit; }}\nexec {httpd.program()} \"$@\"\n", mode=0o755)
    assert json.loads(doctor(express, "--json", "--httpd-executable", own).stdout)["configuration"] == str(conf)


def test_refused(express):
    result = doctor(express, "none.conf")
    assert result.returncode == 1 and f"{express.folder}/none.conf does not exist" in result.stderr
