"""mod_wsgi-express: names, static files, other servers in front and behind, access and identity."""

import gzip
import json

import pytest
from support.access import basic, digest, realm_hash
from support.express import Express

pytestmark = pytest.mark.ours


def told(response):
    """What the application says."""
    assert response.status == 200, (response.status, response.body[:300])
    return json.loads(response.body)


# Names


def test_server_name(express):
    express.start("wsgi.py", "--server-name", "www.example.com", "--server-alias", "*.example.org")
    assert express.request("GET", "/", host="www.example.com").status == 200
    assert express.request("GET", "/", host="any.example.org").status == 200
    assert express.request("GET", "/", host="example.net").status == 403 and express.get().status == 403
    bare = express.request("GET", "/page?a", host="example.com")
    assert (bare.status, bare.header("Location")) == (301, f"http://www.example.com:{express.port}/page?a")


def test_allow_localhost(express):
    express.start("wsgi.py", "--server-name", "example.com", "--allow-localhost")
    assert express.get().status == 200


# Files


def test_files_come_before_the_application(express):
    express.write("files/page.html", "a file")
    express.write("files/folder/inner.txt", "inner")
    express.start("wsgi.py", "--document-root", "files")
    assert express.get("/page.html").text == "a file" and express.get("/page.html").header("Content-Type") == "text/html"
    for path in ("/", "/folder", "/folder/", "/page.htm"):
        assert told(express.get(path))["PATH_INFO"] == path


def test_directory_index_and_listing(express):
    express.write("files/index.txt", "the index")
    express.write("files/folder/inner.txt", "inner")
    express.start("wsgi.py", "--document-root", "files", "--directory-index", "index.txt", "--directory-listing")
    assert express.get("/").text == "the index"
    assert "inner.txt" in express.get("/folder/").text
    assert told(express.get("/none"))["PATH_INFO"] == "/none"


def test_url_alias(express):
    """The longest URL first, whatever the order; a file, and slashes that do not matter."""
    express.write("static/a.txt", "static a")
    express.write("deep/b.txt", "deep b")
    express.write("icon.png", "the icon")
    express.write("secret.txt", "secret")
    express.start("wsgi.py", "--url-alias", "/static/", "static", "--url-alias", "/static/deep", "deep/", "--url-alias", "/favicon.ico",
                  "icon.png")
    assert express.get("/static/a.txt").text == "static a" and express.get("/static/deep/b.txt").text == "deep b"
    assert express.get("/favicon.ico").text == "the icon"
    assert express.get("/static/none").status == 404
    assert told(express.get("/secret.txt"))["PATH_INFO"] == "/secret.txt"


def test_errors(express):
    express.write("files/gone.html", "httpd's page")
    express.write("wsgi.py", "def application(environ, start_response):\n    start_response('410 Gone', [('Content-Length', '3')])\n"
                  "    return [b'app']\n")
    express.start("wsgi.py", "--document-root", "files", "--error-document", "410", "/gone.html", "--error-override")
    answer = express.get("/x")
    assert (answer.status, answer.text) == (410, "httpd's page")


def test_compress_responses(express):
    express.write("wsgi.py", "def application(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/html')])\n"
                  "    return [b'x' * 10000]\n")
    express.start("wsgi.py", "--compress-responses")
    answer = express.get(headers=[("Accept-Encoding", "gzip")])
    assert answer.header("Content-Encoding") == "gzip" and gzip.decompress(answer.body) == b"x" * 10000


def test_cgi(express):
    express.write("files/a.cgi", "#!/bin/sh\necho Content-Type: text/plain\necho\necho from cgi\n", mode=0o755)
    express.start("wsgi.py", "--document-root", "files", "--with-cgi")
    assert express.get("/a.cgi").text == "from cgi\n"


def test_rewrite_rules_and_include_file(express):
    rules = express.write("rules", "RewriteRule ^old$ /new [R=302,L]\n")
    one = express.write("one.conf", "Header set X-One 1\nHeader set X-Both one\n")
    two = express.write("two.conf", "Header set X-Both two\n")
    express.start("wsgi.py", "--rewrite-rules", rules, "--include-file", one, "--include-file", two)
    assert express.get("/old").status == 302
    answer = express.get("/")
    assert (answer.header("X-One"), answer.header("X-Both")) == ("1", "two")


def test_envvars_script(express):
    script = express.write("own envvars", "OWN_VALUE=x; export OWN_VALUE\n")
    express.start("wsgi.py", "--envvars-script", script, "--passenv", "OWN_VALUE")
    assert told(express.get())["OWN_VALUE"] == "x"
    assert (express.root / "envvars").read_text().startswith(". ")


# Proxies


def test_behind_a_proxy(express):
    express.start("wsgi.py", "--trust-proxy", "127.0.0.1", "--trust-proxy-header", "X-Forwarded-For", "--trust-proxy-header",
                  "X-Forwarded-Proto", "--trust-proxy-header", "X-Script-Name", "--mount-point", "/app")
    said = told(express.get("/app/page/more", [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")]))
    assert (said["REMOTE_ADDR"], said["wsgi.url_scheme"]) == ("192.0.2.1", "https")
    assert (said["SCRIPT_NAME"], said["PATH_INFO"]) == ("/app", "/page/more")
    said = told(express.get("/app/page/more", [("X-Script-Name", "/outer")]))
    assert (said["SCRIPT_NAME"], said["PATH_INFO"]) == ("/outer", "/page/more")


def test_proxy_mount_point(express, request):
    """The server behind is another one of ours."""
    behind = Express(express.user)
    request.addfinalizer(behind.discard)
    behind.write("wsgi.py", "import json\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
                 "    return [json.dumps({k: v for k, v in environ.items() if isinstance(v, str)}).encode()]\n")
    behind.start("wsgi.py")
    express.start("wsgi.py", "--proxy-mount-point", "/api", f"http://127.0.0.1:{behind.port}/inner", "--proxy-timeout", "30",
                  "--proxy-virtual-host", "other.example.com", f"http://127.0.0.1:{behind.port}")
    said = json.loads(express.get("/api/page?x=1").body)
    assert (said["PATH_INFO"], said["QUERY_STRING"]) == ("/inner/page", "x=1")
    assert (said["HTTP_X_FORWARDED_PORT"], said["HTTP_X_FORWARDED_SCHEME"], said["HTTP_X_FORWARDED_PREFIX"]) == (
        str(express.port), "http", "/api")
    answer = express.get("/api")
    assert (answer.status, answer.header("Location").endswith("/api/")) == (302, True)
    assert told(express.get("/apiary"))["PATH_INFO"] == "/apiary"
    assert json.loads(express.request("GET", "/whole", host="other.example.com").body)["PATH_INFO"] == "/whole"
    assert told(express.get("/whole"))["PATH_INFO"] == "/whole"
    behind.stop()


# Access


def test_access_scripts(express):
    express.write("auth.py", "def check_password(environ, user, password):\n    return password == 'word'\n"
                  "def groups_for_user(environ, user):\n    return ['staff'] if user == 'anna' else []\n"
                  "def allow_access(environ, host):\n    return environ['REQUEST_URI'] != '/closed'\n")
    express.start("wsgi.py", "--auth-user-script", "auth.py", "--auth-group-script", "auth.py", "--auth-group", "staff",
                  "--host-access-script", "auth.py")
    answer = express.get()
    assert answer.status == 401 and f'Basic realm="localhost:{express.port}"' in answer.header("WWW-Authenticate")
    assert told(express.get(headers=basic("anna", "word")))["REMOTE_USER"] == "anna"
    assert express.get(headers=basic("anna", "wrong")).status == 401
    assert express.get(headers=basic("bert", "word")).status in (401, 403)
    assert express.get("/closed", basic("anna", "word")).status == 403


def test_what_a_password_protects(express):
    """Also what is passed on to other servers, and not less for --allow-localhost; the status page stays for this machine."""
    express.write("auth.py", "def check_password(environ, user, password):\n    return password == 'word'\n")
    express.write("files/page.txt", "a page")
    express.start("wsgi.py", "--auth-user-script", "auth.py", "--proxy-mount-point", "/api", "http://127.0.0.1:9/", "--url-alias", "/files",
                  "files", "--server-status", "--server-name", "example.com", "--allow-localhost")
    for host in ("example.com", "example.net"):
        for path in ("/", "/api/page", "/files/page.txt"):
            assert express.request("GET", path, host=host).status == 401
            assert express.request("GET", path, basic("anna", "word"), host=host).status == (503 if "api" in path else 200)
    assert express.request("GET", "/server-status?auto", host="example.com").status == 200


def test_static_files_with_a_password(express):
    express.write("auth.py", "def check_password(environ, user, password):\n    return password == 'word'\n")
    express.write("files/page.txt", "a page")
    express.write("files/a.own", "text of a")
    express.write("handler.py", "def handle_request(environ, start_response):\n    start_response('200 OK', [])\n    return [b'handled']\n")
    express.start("files", "--application-type", "static", "--auth-user-script", "auth.py", "--add-handler", ".own", "handler.py")
    assert express.get("/page.txt").status == 401
    assert express.get("/page.txt", basic("anna", "word")).text == "a page"
    assert express.get("/a.own", basic("anna", "word")).text == "handled"


def test_digest(express):
    realm = f"localhost:{express.port}"
    express.write("auth.py", f"def get_realm_hash(environ, user, realm):\n    return {realm_hash('anna', realm, 'word')!r}\n")
    express.start("wsgi.py", "--auth-user-script", "auth.py", "--auth-type", "digest")
    assert told(digest(express, "/", "anna", "word"))["REMOTE_USER"] == "anna"
    assert digest(express, "/", "anna", "wrong").status == 401


# Identity


@pytest.mark.root
def test_user_and_group(express):
    if express.user != "root":
        pytest.skip("about root")
    express.start("wsgi.py", "--user", "#1", "--group", "www-data")
    said = told(express.get())
    assert (said["uid"], said["gid"]) == (1, 33)
    express.stop()
    express.launch([express.root / "apachectl", "start", "-DFOREGROUND"], MOD_WSGI_USER="www-data")
    assert told(express.get())["uid"] == 33
