"""WSGIAuthGroupScript and `Require wsgi-group`, in the httpd child and in a process group."""

import pytest
from support import access
from support.access import basic

pytestmark = pytest.mark.ours  # process-group= on these directives, and words of the log

# What groups_for_user does, and whether that grants `Require wsgi-group Staff "Two Words"`.
RESULTS = {
    "list": ("return ['staff']", True),
    "upper": ("return ['STAFF']", True),
    "second": ("return ('x', 'two words')", True),
    "bytes": ("return [b'Staff']", True),
    "set": ("return {'staff'}", True),
    "generator": ("yield 'x'\n    yield 'staff'", True),
    "other": ("return ['x', 'staf', 'staff2', 'words']", False),
    "empty": ("return []", False),
    "none": ("return None", False),
    "true": ("return True", False),
    "text_is_characters": ("return 'staff'", False),
    "number": ("return ['staff', 7]", False),
    "bytes_are_numbers": ("return b'staff'", False),
    "wide": ("return ['staff', '\\u20ac']", False),
    "raises": ("raise KeyError(user)", False),
    "raises_late": ("yield 'staff'\n    raise KeyError(user)", False),
    "exits": ("raise SystemExit", False),
    "endless": ("import itertools\n    return itertools.repeat('x')", False),
}
FILES = {f"{name}.py": f"def groups_for_user(environ, user):\n    {text}\n" for name, (text, _) in RESULTS.items()}
FILES["no_function.py"] = "def check_password(environ, user, password): return True\n"
FILES["no_module.py"] = "import no_such_module_at_all\ndef groups_for_user(environ, user): return ['staff']\n"
FILES["user.py"] = "def check_password(environ, user, password): return password == 'secret'\n"
FAILING = ("none", "number", "raises", "raises_late", "exits", "endless", "no_function", "no_module", "missing")
GRANTED = {**{name: granted for name, (_, granted) in RESULTS.items()}, "no_function": False, "no_module": False, "missing": False}
AUTH = ("AuthType Basic", "AuthName realm", "AuthBasicProvider wsgi", "WSGIAuthUserScript ${ROOT}/user.py{here}")
JOE = basic("joe", "secret")


@pytest.fixture(params=access.PLACES)
def place(request):
    """Where scripts run."""
    return request.param


@pytest.fixture
def guard(serve, place):
    """Starts a server with one page; `{here}` makes a script run in the place at hand."""

    def start(conf, files=None, **settings):
        lines, option = access.PLACES[place]
        server = serve(lines + conf.replace("{here}", option), files={**FILES, **(files or {})}, **settings)
        access.add_page(server)
        return server

    return start


def locations(names, *rules):
    """A location for each script, all for one page."""
    rules = "\n    ".join([*AUTH, *rules])
    blocks = [f"<Location /{name}/>\n    {rules}\n    WSGIAuthGroupScript ${{ROOT}}/{name}.py{{here}}\n</Location>\n" for name in names]
    return "Alias /page ${ROOT}/htdocs\n" + "".join(f"Alias /{name}/ ${{ROOT}}/htdocs/\n" for name in names) + "".join(blocks)


def statuses(server, names, headers=JOE):
    return {name: server.get(f"/{name}/page.html", headers).status for name in names}


def test_results(guard):
    server = guard(locations(GRANTED, 'Require wsgi-group Staff "Two Words"'))
    for _ in range(2):
        assert statuses(server, GRANTED) == {name: 200 if granted else 401 for name, granted in GRANTED.items()}
    assert server.get("/list/page.html").status == 401  # without a user httpd asks for one
    log = server.log()
    assert "groups_for_user() returned None; it must return an iterable of group names" in log
    assert "groups_for_user() returned an iterable with an object of type int in it" in log
    assert "more than 100000 groups" in log
    assert ", in groups_for_user()" in log
    assert "has no function groups_for_user" in log


def test_forbidden_on_failure(guard):
    server = guard(locations(["list", "other", "raises"], "Require wsgi-group staff", "AuthzSendForbiddenOnFailure On"))
    assert statuses(server, ["list", "other", "raises"]) == {"list": 200, "other": 403, "raises": 403}
    assert statuses(server, ["list"], {}) == {"list": 401}


@pytest.mark.parametrize("rule", ["<RequireAll>\nRequire valid-user\nRequire not wsgi-group banned\n</RequireAll>",
                                  "<RequireAll>\nRequire valid-user\n<RequireNone>\nRequire wsgi-group banned\n</RequireNone>\n</RequireAll>"])
def test_a_failure_is_no_consent(guard, rule):
    """Behind `not` a denial would let the user in."""
    names = ["list", *FAILING, "banned"]
    server = guard(locations(names, rule), {"banned.py": "def groups_for_user(environ, user): return ['Banned']\n"})
    assert statuses(server, names) == {"list": 200, **{name: 500 for name in FAILING}, "banned": 401}


def test_alias_of_the_requirement(guard):
    server = guard(
        "<AuthzProviderAlias wsgi-group staff Staff>\n    WSGIAuthGroupScript ${ROOT}/list.py{here}\n</AuthzProviderAlias>\n"
        "<AuthzProviderAlias wsgi-group broken Staff>\n    WSGIAuthGroupScript ${ROOT}/raises.py{here}\n</AuthzProviderAlias>\n"
        + locations(["one"], "Require staff") + locations(["two"], "<RequireAll>\nRequire valid-user\nRequire not broken\n</RequireAll>"))
    assert statuses(server, ["one", "two"]) == {"one": 200, "two": 500}


def test_beside_other_requirements(guard):
    rule = "<RequireAny>\nRequire env INSIDE\nRequire wsgi-group staff\nRequire user boss\n</RequireAny>"
    server = guard("SetEnvIf X-Inside 1 INSIDE\n" + locations(["list", "other", "raises"], rule))
    assert statuses(server, ["list", "other", "raises"]) == {"list": 200, "other": 401, "raises": 401}
    assert statuses(server, ["other", "raises"], {"X-Inside": "1"}) == {"other": 200, "raises": 200}
    assert statuses(server, ["other", "raises"], basic("boss", "secret")) == {"other": 200, "raises": 200}


def test_without_script_or_names(guard):
    block = "\n    ".join([*AUTH, "Require wsgi-group staff"])
    server = guard(f"<Location /page.html>\n    {block}\n</Location>\n" + locations(["list"], "Require wsgi-group"))
    assert server.get("/page.html", JOE).status == 401
    assert "`Require wsgi-group` has no script here: add WSGIAuthGroupScript" in server.log()
    assert statuses(server, ["list"]) == {"list": 401}


def test_what_the_script_gets(guard):
    script = access.RECORD + "def groups_for_user(environ, user):\n    asked(environ, user)\n    return ['staff']\n"
    server = guard(locations(["asks"], "Require wsgi-group staff"), {
        "asks.py": script, "user.py": "def check_password(environ, user, password): return 'ren\\xe4med'\n"})
    assert statuses(server, ["asks"]) == {"asks": 200}
    environ, (user,) = access.asked_of(server)
    assert user.encode("latin-1").decode() == "renämed"  # bytes of the user name that authentication has set
    assert "HTTP_AUTHORIZATION" not in environ and environ["SCRIPT_NAME"] == "/asks/page.html"


def test_a_lost_process_refuses(serve):
    block = "\n    ".join([*AUTH, "WSGIAuthGroupScript ${ROOT}/lost.py process-group=guard", "<RequireAny>", "Require wsgi-group staff",
                           "Require valid-user", "</RequireAny>"]).replace("{here}", " process-group=guard")
    server = serve(f"WSGIDaemonProcess guard\n<Location />\n    {block}\n</Location>\n",
                   files={**FILES, "lost.py": "import os\ndef groups_for_user(environ, user): os._exit(1)\n"})
    access.add_page(server)
    assert server.get("/page.html", JOE).status == 500
    assert "was lost: its process" in server.log()
