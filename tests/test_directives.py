"""Directives in server, virtual host, directory and .htaccess contexts: where they work, and how they merge."""

import json

import pytest
from support.processes import wait_until


def group(server, path, **kwargs):
    """The application group that a request runs in."""
    return json.loads(server.get(path, **kwargs).body)["application_group"]


def environ(server, path, headers=(), **kwargs):
    """The environ's names."""
    return json.loads(server.get(path, headers, **kwargs).body)


def test_the_inner_section_wins(serve, mode):
    server = serve("WSGIApplicationGroup main\nWSGIScriptAlias /a ${APPS}/process.py\nWSGIScriptAlias /b ${APPS}/process.py\n"
                   "<Location /a/inner>\nWSGIApplicationGroup location\n</Location>\n"
                   "<VirtualHost *:${PORT}>\nServerName one.example\n</VirtualHost>\n"
                   "<VirtualHost *:${PORT}>\nServerName two.example\nWSGIApplicationGroup host\n"
                   "<Directory ${ROOT}/apps>\nWSGIApplicationGroup directory\n</Directory>\n</VirtualHost>\n"
                   "<VirtualHost *:${PORT}>\nServerName three.example\nWSGIApplicationGroup host\n</VirtualHost>\n", mode)
    assert group(server, "/b", host="one.example") == "main"
    assert group(server, "/b", host="three.example") == "host"
    assert group(server, "/b", host="two.example") == "directory"
    assert group(server, "/a/inner", host="two.example") == "location"


def test_alias_options_win_over_sections(serve, mode):
    server = serve("WSGIScriptAlias /a ${APPS}/process.py application-group=alias\n"
                   "<Location />\nWSGIApplicationGroup location\n</Location>\n", mode)
    assert group(server, "/a") == "alias"


def test_htaccess(serve, mode):
    server = serve("WSGIScriptAlias /a ${ROOT}/site/script.py\n<Directory ${ROOT}/site>\nAllowOverride FileInfo\n</Directory>\n",
                   mode, files={"site/script.py": TWO, "site/.htaccess": "WSGICallableObject second\n"})
    assert server.get("/a").text == "second"
    for refused in ("WSGIScriptAlias /x /y", "WSGIApplicationGroup x"):
        server.write("site/.htaccess", refused + "\n")
        assert server.get("/a").status == 500
        server.wait_for_log(f"{refused.split()[0]} not allowed here")


TWO = '"""Several applications."""\n' + "".join(
    f"def {name}(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{name}']\n"
    for name in ("application", "first", "second"))


def test_callable_object(serve, mode):
    server = serve("WSGIScriptAlias /option ${ROOT}/script.py callable-object=first\nWSGIScriptAlias / ${ROOT}/script.py\n"
                   "<Location /second>\nWSGICallableObject second\n</Location>\n"
                   "<Location /env>\nSetEnv WHICH first\nWSGICallableObject %{ENV:WHICH}\n</Location>\n", mode,
                   files={"script.py": TWO})
    for path, answer in (("/", "application"), ("/option", "first"), ("/second", "second"), ("/env", "first")):
        assert server.get(path).text == answer, path


@pytest.mark.parametrize("place", ["option", "location", "off inside on", "cgi", "htaccess"])
def test_pass_authorization(serve, mode, place):
    confs = {
        "option": ("WSGIScriptAlias / ${APPS}/environ.py pass-authorization=On\n", True),
        "location": ("WSGIScriptAlias / ${APPS}/environ.py\n<Location />\nWSGIPassAuthorization On\n</Location>\n", True),
        "off inside on": ("WSGIScriptAlias / ${APPS}/environ.py\nWSGIPassAuthorization On\n"
                          "<Location />\nWSGIPassAuthorization Off\n</Location>\n", False),
        "cgi": ("WSGIScriptAlias / ${APPS}/environ.py\n<Location />\nCGIPassAuth On\n</Location>\n", True),
        "htaccess": ("WSGIScriptAlias / ${APPS}/environ.py\n<Directory ${ROOT}/apps>\nAllowOverride FileInfo\n</Directory>\n", True),
    }
    conf, passed = confs[place]
    server = serve(conf, mode)
    if place == "htaccess":
        server.write("apps/.htaccess", "WSGIPassAuthorization On\n")
    names = environ(server, "/", {"Authorization": "Basic dTpw", "Proxy-Authorization": "Basic cTpw"})
    assert ("HTTP_AUTHORIZATION" in names) is passed
    assert ("HTTP_PROXY_AUTHORIZATION" in names) is (place == "cgi")


def test_remote_user(serve, mode):
    conf = ("WSGIScriptAlias / ${APPS}/environ.py\n<Location />\nAuthType Basic\nAuthName x\nAuthUserFile ${ROOT}/users\n"
            "Require valid-user\n</Location>\n")
    server = serve(conf, mode, files={"users": "u:{SHA}NWoZK3kTsExUV00Ywo1G5jlUKKs=\n"})  # the password is 1
    assert server.get("/").status == 401
    names = environ(server, "/", {"Authorization": "Basic dTox"})
    assert names["REMOTE_USER"][1] == "'u'" and names["AUTH_TYPE"][1] == "'Basic'"
    assert "HTTP_AUTHORIZATION" not in names


def test_restrict_embedded(serve):
    server = serve("WSGIRestrictEmbedded On\nWSGIDaemonProcess app threads=2\nWSGIScriptAlias /e ${APPS}/hello.py\n"
                   "WSGIScriptAlias /d ${APPS}/hello.py process-group=app\n")
    assert server.get("/e").status == 500
    assert server.get("/d").status == 200
    server.wait_for_log("mbedded")


def imported(server):
    """The processes that have loaded early.py."""
    return [int(path.name) for path in (server.root / "data").iterdir()]


EARLY = '"""Notes that it was imported."""\nimport os\nopen(os.path.join(os.environ["DATA"], str(os.getpid())), "w").close()\n'


@pytest.mark.parametrize("line, loads", [
    ("WSGIImportScript ${ROOT}/early.py process-group=%{GLOBAL} application-group=a", True),
    ("WSGIScriptAlias /x ${ROOT}/early.py process-group=%{GLOBAL} application-group=a", False),
])
def test_restrict_embedded_and_scripts_that_are_loaded_early(serve, line, loads):
    """WSGIImportScript brings Python into httpd's processes all the same, an alias with both groups does not."""
    server = serve(f"WSGIRestrictEmbedded On\n{line}\nWSGIDaemonProcess app threads=2\n"
                   "WSGIScriptAlias /d ${APPS}/hello.py process-group=app\n", run=False, env={"DATA": "/"})
    server.env["DATA"] = str(server.root / "data")
    server.write("early.py", EARLY)
    server.start()
    if loads:
        wait_until(lambda: imported(server), 10, "the import")
        assert set(imported(server)) <= set(server.httpd_children())
    else:
        assert server.get("/d").status == 200 and server.get("/x").status == 500
        assert not imported(server)


def test_import_script_of_a_virtual_host(serve):
    """Also in a virtual host, for a group that is defined below it, and in the order of the lines."""
    note = '"""Notes its place."""\nimport os\nwith open(os.path.join(os.environ["DATA"], "order"), "a") as out:\n    out.write("{}")\n'
    server = serve("<VirtualHost *:${PORT}>\nServerName one.example\nWSGIDaemonProcess app threads=2\n"
                   "WSGIImportScript ${ROOT}/a.py process-group=app application-group=x\n"
                   "WSGIScriptAlias /c ${ROOT}/b.py process-group=app application-group=%{GLOBAL}\n"
                   "WSGIImportScript ${ROOT}/missing.py process-group=app application-group=%{GLOBAL}\n</VirtualHost>\n",
                   run=False, files={name + ".py": note.replace("{}", name) for name in "ab"})
    server.env["DATA"] = str(server.root / "data")
    server.start()
    wait_until(lambda: len((server.root / "data/order").read_text() if (server.root / "data/order").exists() else "") == 2, 10, "both")
    assert (server.root / "data/order").read_text() == "ab"
    server.wait_for_log("missing.py")


def test_import_script(serve, mode):
    script = '"""Notes that it was imported."""\nimport os\nopen(os.path.join("{data}", str(os.getpid())), "w").close()\n'
    place = "app" if mode == "daemon" else "%{GLOBAL}"
    server = serve(f"WSGIImportScript ${{ROOT}}/early.py process-group={place} application-group=%{{GLOBAL}}\n", mode, run=False)
    server.write("early.py", script.replace("{data}", str(server.root / "data")))
    server.start()
    wait_until(lambda: list((server.root / "data").iterdir()), 10, "the import")


def test_python_path_and_optimize(serve, mode):
    server = serve("WSGIPythonPath ${ROOT}/lib\nWSGIPythonOptimize 1\nWSGIDontWriteBytecode On\nWSGIScriptAlias / ${ROOT}/s.py\n", mode,
                   options="python-path=${ROOT}/lib", files={"lib/mine.py": "WHERE = 'lib'\n", "s.py": PATHS})
    facts = json.loads(server.get("/").body)
    assert facts == ["lib", f"{server.root}/lib", 1, True, ["mod_wsgi"]]


PATHS = '''"""Where modules come from."""
import json, sys, mine
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [json.dumps([mine.WHERE, sys.path[0], sys.flags.optimize, sys.dont_write_bytecode, sys.argv]).encode()]
'''


@pytest.mark.ours
def test_hash_seed_random_is_random(serve, mode):
    server = serve("WSGIPythonHashSeed random\nWSGIScriptAlias / ${ROOT}/s.py\n", mode, files={"s.py": (
        '"""Randomised?"""\nimport sys\ndef application(environ, start_response):\n    start_response("200 OK", [])\n'
        '    return [b"%d %d" % (sys.flags.hash_randomization, hash("x") & 0xffff)]\n')})
    assert server.get("/").text.startswith("1 ")


def test_names_are_case_insensitive(serve, mode):
    server = serve("wsgiscriptalias / ${APPS}/hello.py\nWSGISCRIPTRELOADING oN\n", mode)
    assert server.get("/").status == 200


def test_rewrite_and_error_document_lead_to_an_application(serve, mode):
    server = serve("WSGIScriptAlias /app ${APPS}/environ.py\nWSGIScriptAlias /page ${APPS}/hello.py\n"
                   "RewriteEngine On\nRewriteRule ^/old/(.*) /app/$1 [PT]\nErrorDocument 404 /page\n", mode)
    names = environ(server, "/old/x")
    assert names["PATH_INFO"][1] == "'/x'" and names["SCRIPT_NAME"][1] == "'/app'"
    assert names["REQUEST_URI"][1] == "'/old/x'"
    response = server.get("/nothing")
    assert response.body == b"Hello, world!"


@pytest.mark.parametrize("value, seen", [("Auto", "HEAD"), ("On", "GET"), ("Off", "HEAD")])
def test_map_head_to_get(serve, mode, value, seen):
    server = serve(f"WSGIScriptAlias / ${{ROOT}}/s.py\nWSGIMapHEADToGET {value}\n", mode, files={"s.py": (
        '"""Shows the method in a header."""\ndef application(environ, start_response):\n'
        '    start_response("200 OK", [("X-Method", environ["REQUEST_METHOD"])])\n    return [b"x"]\n')})
    assert server.request("HEAD", "/").header("X-Method") == seen
