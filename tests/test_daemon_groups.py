"""Process groups: users, Pythons, options of the process, and what is and is not in it."""

import json
import os
import pwd

import pytest
from support import httpd, processes
from support.processes import wait_until

MOUNT = "WSGIScriptAlias /{name} ${{APPS}}/process.py process-group={name}\n"


def group(name, options=""):
    """A group and the application that shows its process, at /NAME."""
    return f"WSGIDaemonProcess {name} {options}\n" + MOUNT.format(name=name)


def facts(server, name, **kwargs):
    """What process.py says."""
    response = server.get(f"/{name}", **kwargs)
    assert response.status == 200, response
    return json.loads(response.body)


@pytest.mark.root
def test_users(serve):
    server = serve(group("own") + group("nobody", "user=nobody group=nogroup") + group("daemon", "user=daemon group=#1"))
    for name, user in (("own", "www-data"), ("nobody", "nobody"), ("daemon", "daemon")):
        entry, said = pwd.getpwnam(user), facts(server, name)
        assert (said["uid"], said["gid"]) == (entry.pw_uid, entry.pw_gid)
        assert set(said["groups"]) == set(os.getgrouplist(user, entry.pw_gid))
        assert processes.real_uid(said["pid"]) == entry.pw_uid
        assert said["environment"]["HOME"] == entry.pw_dir
        assert said["process_group"] == name


@pytest.mark.root
def test_supplementary_groups(serve):
    server = serve(group("a", "user=nobody group=nogroup supplementary-groups=adm,#33"))
    assert set(facts(server, "a")["groups"]) == {pwd.getpwnam("nobody").pw_gid, 4, 33}


def test_process_options(serve):
    server = serve(group("a", "home=${ROOT}/data umask=0027 lang=C.UTF-8 locale=C.UTF-8 python-path=${ROOT}/lib:${ROOT}/more"),
                   files={"lib/x": "", "more/x": ""})
    said = facts(server, "a")
    assert said["cwd"] == f"{server.root}/data"
    assert said["umask"] == "0027"
    assert said["environment"]["LANG"] == said["environment"]["LC_ALL"] == "C.UTF-8"
    assert said["path"][:3] == [f"{server.root}/data", f"{server.root}/lib", f"{server.root}/more"]
    assert said["argv"] == ["mod_wsgi"]
    assert "PYTHONHOME" not in said["environment"]


@pytest.mark.ours
def test_display_name(serve):
    server = serve(group("a", "display-name=%{GROUP}") + group("b", 'display-name="two words"'))
    assert "(wsgi:a)" in processes.command(facts(server, "a")["pid"])
    assert "two words" in processes.command(facts(server, "b")["pid"])


@pytest.mark.ours
@pytest.mark.parametrize("minor", [10, 11, 12, 13, 14])
def test_every_python(serve, python, minor):
    server = serve(group("a", f"python-home={python(minor)}"))
    said = facts(server, "a")
    assert said["version"][:2] == [3, minor]
    assert said["prefix"] == str(python(minor))


@pytest.mark.ours
def test_several_pythons_and_users_at_once(serve, python):
    users = ["", "user=nobody group=nogroup"] if os.geteuid() == 0 else ["", ""]
    server = serve(group("ten", f"python-home={python(10)} {users[0]}") + group("twelve", f"python-home={python(12)} {users[1]}")
                   + group("default", "processes=2"))
    for _ in range(5):
        versions = [facts(server, name)["version"][1] for name in ("ten", "twelve", "default")]
        assert versions[:2] == [10, 12]
    assert (facts(server, "ten")["uid"] != facts(server, "twelve")["uid"]) is (os.geteuid() == 0)


@pytest.mark.ours
def test_virtual_environment(serve, packages):
    server = serve(group("a", "python-home=${ROOT}/venv"), run=False)
    place = server.root / "venv"
    os.system(f"/usr/bin/python3 -m venv --without-pip {place}")
    library = next((place / "lib").glob("python3*")) / "site-packages"
    (library / "only_here.pth").write_text(f"{packages}\n")
    server.start()
    said = facts(server, "a")
    assert said["prefix"] == str(place)
    assert str(library) in said["path"] and str(packages) in said["path"]
    assert said["executable"].startswith(str(place))


def test_flags_and_processes(serve):
    server = serve(group("three", "processes=3 threads=1") + group("one", "threads=4"))
    three = [facts(server, "three") for _ in range(3)]
    assert all(said["multiprocess"] and not said["multithread"] for said in three)
    one = facts(server, "one")
    assert not one["multiprocess"] and one["multithread"]
    assert len({facts(server, "one")["pid"] for _ in range(10)}) == 1


OWN = ("<VirtualHost *:${PORT}>\nServerName one.example\nErrorLog ${ROOT}/logs/one.log\n" + group("a") + "</VirtualHost>\n"
       "<VirtualHost *:${PORT}>\nServerName {other}\nWSGIScriptAlias /b ${APPS}/process.py\nWSGIProcessGroup a\n</VirtualHost>\n")


def test_group_of_a_virtual_host(serve):
    server = serve(OWN.replace("{other}", "one.example"))
    assert facts(server, "a", host="one.example")["process_group"] == "a"


@pytest.mark.ours
def test_group_of_another_virtual_host_is_refused_at_start(serve):
    result = serve(OWN.replace("{other}", "two.example"), run=False).configtest()
    assert result.returncode != 0
    assert "`a`" in result.stderr and "WSGIProcessGroup" in result.stderr


def test_group_by_environment(serve):
    server = serve("WSGIDaemonProcess red\nWSGIDaemonProcess blue\nWSGIScriptAlias / ${APPS}/process.py\n"
                   "WSGIProcessGroup %{ENV:COLOUR}\nSetEnvIf Request_URI ^/(red|blue) COLOUR=$1\n")
    for colour in ("red", "blue"):
        assert facts(server, colour)["process_group"] == colour
    assert server.get("/green").status == 500


@pytest.mark.ours
def test_nothing_of_httpd_is_in_a_daemon(serve):
    server = serve(group("a"), modules=["ssl", "socache_shmcb"])
    pid = facts(server, "a")["pid"]
    mapped = processes.maps(pid)
    assert not [path for path in mapped if path.startswith(str(httpd.modules())) or "apr-1" in path]
    assert str(server.root / "logs" / "access.log") not in [os.path.realpath(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]


@pytest.mark.ours
def test_no_python_in_httpd(serve):
    server = serve(group("a"))
    facts(server, "a")
    for pid in [server.pid, *server.httpd_children()]:
        assert not [path for path in processes.maps(pid) if "libpython" in path]


@pytest.mark.ours
def test_no_files_for_sockets(serve):
    server = serve(group("a") + "WSGISocketPrefix ${ROOT}/run/wsgi\n")
    facts(server, "a")
    assert not list((server.root / "run").glob("wsgi*"))


def test_subprocess_and_threads_of_the_application(serve):
    script = ('"""Runs a program."""\nimport subprocess, sys, threading\ndef application(environ, start_response):\n'
              '    start_response("200 OK", [])\n    out = []\n'
              '    thread = threading.Thread(target=lambda: out.append(subprocess.run(["echo", "ran"], capture_output=True).stdout))\n'
              '    thread.start()\n    thread.join()\n    return out\n')
    server = serve("WSGIDaemonProcess a\nWSGIScriptAlias / ${ROOT}/s.py process-group=a\n", files={"s.py": script})
    assert server.get("/").body == b"ran\n"


@pytest.mark.ours
def test_fork_in_the_main_interpreter(serve):
    script = ('"""Forks."""\nimport os\ndef application(environ, start_response):\n    pid = os.fork()\n    if not pid:\n        os._exit(7)\n'
              '    start_response("200 OK", [])\n    return [b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]\n')
    server = serve("WSGIDaemonProcess a\nWSGIScriptAlias / ${ROOT}/s.py process-group=a application-group=%{GLOBAL}\n", files={"s.py": script})
    assert server.get("/").body == b"7"


def test_maximum_requests(serve):
    server = serve(group("a", "processes=1 threads=2 maximum-requests=5"))
    first = facts(server, "a")["pid"]
    for _ in range(3):
        wait_until(lambda: facts(server, "a")["pid"] != first, 20, "another process", interval=0.001)
        wait_until(lambda: not processes.alive(first), 10, "the end of the process")
        first = facts(server, "a")["pid"]
