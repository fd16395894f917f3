"""Files that are sent to Django: large ones, many of them, and names that are not ASCII under every locale."""

import hashlib
import json
import uuid

import pytest
from support import library as site
from support import validated
from support.browser import Browser, multipart

NAME = "Grüße 漢字 ñ.txt"


def upload(browser, files):
    """Sends files with a form, and returns what became of them."""
    response = browser.submit("/upload/", {"note": "with files"}, [("file", *file) for file in files], form="/form/")
    assert response.status == 200, response.body
    return json.loads(response.body)["files"]


@pytest.mark.parametrize("way", ["/db", "/valid"])
def test_50_megabytes(library, way):
    content = bytes(range(256)) * (50 * 4096)
    told, = upload(Browser(library, way), [("large.bin", content)])
    assert (told["size"], told["digest"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert told["kind"] == "TemporaryUploadedFile"
    stored = library.root / "data" / "media" / told["saved"]
    assert stored.stat().st_size == len(content)
    stored.unlink()
    validated.check(library.log(library.since))


def test_many_files(library):
    files = [(f"{number} {uuid.uuid4().hex}.txt", str(number).encode() * 1000) for number in range(100)]
    told = upload(Browser(library, "/db"), files)
    assert [one["digest"] for one in told] == [hashlib.sha256(content).hexdigest() for _, content in files]
    assert {one["kind"] for one in told} == {"InMemoryUploadedFile"}


def test_too_many_files(library):
    """Django stops to read at DATA_UPLOAD_MAX_NUMBER_FILES and answers while the client still sends."""
    browser = Browser(library, "/db")
    token = browser.token("/form/")
    body, headers = multipart({"csrfmiddlewaretoken": token}, [("file", f"{number}.txt", b"x" * 10_000) for number in range(500)])
    assert browser.request("POST", "/upload/", body, headers).status == 400
    assert Browser(library, "/db").get("/visits/").text == "1"


def test_form_without_a_boundary(library):
    browser = Browser(library, "/db")
    body, _ = multipart({"csrfmiddlewaretoken": browser.token("/form/")})
    assert browser.request("POST", "/upload/", body, [("Content-Type", "multipart/form-data")]).status == 400


def test_upload_that_is_cut(library):
    """A client that goes away in the middle of a file leaves no file, and the site goes on."""
    browser = Browser(library, "/db")
    name = f"{uuid.uuid4().hex}.bin"
    body, headers = multipart({"csrfmiddlewaretoken": browser.token("/form/")}, [("file", name, b"x" * 3_000_000)])
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with library.connect() as client:
        client.start("POST", "/db/upload/", [*headers, ("Cookie", cookies), ("Content-Length", str(len(body)))], body[:2_000_000])
        client.reset()
    assert browser.get("/visits/").text == "1"
    assert not (library.root / "data" / "media" / name).exists()


# What httpd's environment and the options say of the locale; the name survives in all of these.
LOCALES = {
    "LANG=C.UTF-8": ({"LANG": "C.UTF-8"}, ""),
    "LANG=C": ({"LANG": "C"}, ""),
    "no LANG": ({"LANG": ""}, ""),
    "a locale that is not installed": ({"LANG": "xx_YY.UTF-8"}, ""),
    "lang=C.UTF-8": ({"LANG": "C"}, "lang=C.UTF-8"),
    "locale=C.UTF-8": ({"LANG": "C"}, "locale=C.UTF-8"),
    "locale=C": ({"LANG": "C.UTF-8"}, "locale=C"),
    "a locale= that is not installed": ({"LANG": "C"}, "locale=xx_YY.UTF-8"),
}
CASES = [("daemon", name) for name in LOCALES] + [("embedded", name) for name, (_, options) in LOCALES.items() if not options]


@pytest.fixture
def by_locale(shared, packages):
    """Finds a server whose environment has a LANG, with embedded mode and a daemon group for each of its cases."""

    def find(environment):
        def make():
            groups = [(name, options) for name, (theirs, options) in LOCALES.items() if theirs == environment]
            conf = "".join(f'WSGIDaemonProcess "{name}" threads=2 {options} python-path={packages}:${{ROOT}}/django\n'
                           f'WSGIScriptAlias /daemon{number} ${{ROOT}}/django/application.py process-group="{name}"\n'
                           for number, (name, options) in enumerate(groups))
            server = site.make(packages, conf, env=environment)
            server.mounts = {name: f"/daemon{number}" for number, (name, _) in enumerate(groups)}
            return server

        return shared(f"locale {environment}", "both", make)

    return find


@pytest.mark.parametrize("mode, case", CASES)
def test_names_that_are_not_ascii(by_locale, mode, case):
    """Python takes UTF-8 for names of files if the locale is C, or none that the system has."""
    environment, _ = LOCALES[case]
    server = by_locale(environment)
    browser = Browser(server, server.mounts[case] if mode == "daemon" else "/db")
    told, = upload(browser, [(NAME, b"content")])
    assert told["name"] == NAME
    assert told["saved"].startswith(NAME.removesuffix(".txt"))
    assert (server.root / "data" / "media" / told["saved"]).read_bytes() == b"content"
