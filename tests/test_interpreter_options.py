"""<WSGIInterpreterOptions>: its syntax, which interpreters it concerns, and which of several wins."""

import json

import pytest

FACTS = '''"""What this interpreter was given."""
import json, signal, sys


def refuses(stream):
    try:
        stream.fileno
    except OSError:
        return True
    return False


def ignores_signals():
    """The real function refuses threads other than the main one."""
    try:
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    except ValueError:
        return False
    return True


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({
        "path": sys.path, "interval": round(sys.getswitchinterval(), 6), "stdin": refuses(sys.stdin),
        "stdout": refuses(sys.stdout), "signal": ignores_signals(),
    }).encode()]
'''
ALIASES = "WSGIScriptAlias /a ${ROOT}/facts.py application-group=a\nWSGIScriptAlias /b ${ROOT}/facts.py application-group=b\n" \
    "WSGIScriptAlias /main ${ROOT}/facts.py application-group=%{GLOBAL}\n"


def section(selectors, *lines):
    """A container."""
    return f"<WSGIInterpreterOptions {selectors}>\n" + "".join(line + "\n" for line in lines) + "</WSGIInterpreterOptions>\n"


@pytest.fixture
def facts(serve, mode):
    """Starts a server with containers; returns a function that asks an application group for its facts. `@GROUP@` in
    the configuration stands for the process group's name, and `BASE` for what comes before all containers."""

    def start(conf, options="threads=4"):
        base = "" if mode == "daemon" else "WSGIPythonPath ${ROOT}/base\n"
        server = serve(base + conf.replace("@GROUP@", "app" if mode == "daemon" else "%{GLOBAL}") + ALIASES, mode,
                       options=options + " python-path=${ROOT}/base", files={"facts.py": FACTS})
        for folder in ("base", "one", "two", "three"):
            (server.root / folder).mkdir()

        def ask(group):
            answer = json.loads(server.get(f"/{group}").body)
            answer["folders"] = [entry.rsplit("/", 1)[1] for entry in answer["path"] if entry.startswith(str(server.root))]
            return answer

        return ask

    return start


@pytest.fixture
def configtest(serve):
    """Returns the result of `httpd -t` for a configuration in a file of its own."""

    def test(lines):
        server = serve("Include ${ROOT}/tested.conf\n", run=False, files={"tested.conf": lines})
        return server.configtest()

    return test


def test_folders_add_up_the_most_specific_in_front(facts):
    ask = facts(section("process-group=@GROUP@ application-group=a", "WSGIPythonPath ${ROOT}/three") +
                section("", "WSGIPythonPath ${ROOT}/one") +
                section("application-group=a", "WSGIPythonPath ${ROOT}/two"))
    assert ask("a")["folders"] == ["three", "two", "one", "base"]
    assert ask("b")["folders"] == ["one", "base"]
    assert ask("main")["folders"] == ["one", "base"]


def test_of_equal_containers_the_later_wins_and_its_folders_are_in_front(facts):
    ask = facts(section("application-group=a", "WSGIPythonPath ${ROOT}/one", "WSGIRestrictStdin On") +
                section("process-group=@GROUP@", "WSGIPythonPath ${ROOT}/two", "WSGIRestrictStdin Off") +
                section("application-group=a", "WSGIPythonPath ${ROOT}/three"))
    assert ask("a")["folders"] == ["three", "two", "one", "base"]
    assert ask("a")["stdin"] is False and ask("b")["stdin"] is False


def test_restrictions_of_the_most_specific_container(facts):
    ask = facts("WSGIRestrictStdin On\n" + section("application-group=a", "WSGIRestrictStdin Off", "WSGIRestrictStdout On") +
                section("application-group=%{GLOBAL}", "WSGIRestrictSignal Off") +
                section("process-group=nobody", "WSGIRestrictStdout On", "WSGIRestrictSignal Off"))
    a, b, main = ask("a"), ask("b"), ask("main")
    assert (a["stdin"], a["stdout"], a["signal"]) == (False, True, True)
    assert (b["stdin"], b["stdout"], b["signal"]) == (True, False, True)
    assert (main["stdin"], main["stdout"], main["signal"]) == (True, False, False)


def test_switch_interval_of_a_process(facts):
    ask = facts(section("process-group=@GROUP@", "WSGISwitchInterval 0.25"))
    assert ask("main")["interval"] == 0.25
    assert ask("a")["interval"] == 0.25  # they share the GIL


@pytest.mark.ours
def test_switch_interval_the_nearer_setting_wins(serve):
    """The directive outside of containers is for embedded mode; a group's option wins over a container for all."""
    server = serve("WSGISwitchInterval 0.5\n" + section("", "WSGISwitchInterval 0.4") +
                   "WSGIDaemonProcess own switch-interval=0.125\nWSGIDaemonProcess plain\n"
                   "WSGIScriptAlias /own ${ROOT}/facts.py process-group=own application-group=x\n"
                   "WSGIScriptAlias /plain ${ROOT}/facts.py process-group=plain application-group=x\n" + ALIASES, files={"facts.py": FACTS})
    assert json.loads(server.get("/own").body)["interval"] == 0.125
    assert json.loads(server.get("/plain").body)["interval"] == 0.4
    assert json.loads(server.get("/a").body)["interval"] == 0.4


@pytest.mark.ours
def test_switch_interval_does_not_leak_into_groups(serve):
    server = serve("WSGISwitchInterval 0.5\nWSGIDaemonProcess plain\n"
                   "WSGIScriptAlias /plain ${ROOT}/facts.py process-group=plain application-group=%{GLOBAL}\n", files={"facts.py": FACTS})
    assert json.loads(server.get("/plain").body)["interval"] == 0.005


def test_selectors_in_any_case_and_quoted_as_a_whole(facts):
    ask = facts(section('"Process-Group=@GROUP@" APPLICATION-GROUP=a', "WSGIRestrictStdin On"))
    assert ask("a")["stdin"] and not ask("b")["stdin"]


def test_other_directives_inside_act_as_outside(facts):
    ask = facts(section("process-group=nobody", "WSGIRestrictStdout On", "<IfModule wsgi_module>", "WSGIScriptAlias /inside ${ROOT}/facts.py",
                        "</IfModule>") + "WSGIRestrictStdin On\n")
    assert ask("inside")["stdin"] and not ask("inside")["stdout"]
    assert ask("a")["stdin"], "what follows a container is outside again"


def test_names_are_not_expanded(serve):
    server = serve("SetEnv NAME a\n" + section("application-group=%{ENV:NAME}", "WSGIRestrictStdin On") + ALIASES, files={"facts.py": FACTS})
    assert not json.loads(server.get("/a").body)["stdin"]


@pytest.mark.ours
@pytest.mark.parametrize("selectors, words", {
    "process-group=ap": ["`ap` is not defined", "did you mean `app`"],
    "application-group=%{ENV:X}": ["%{ENV:X}", "as it stands"],
}.items())
def test_a_container_that_concerns_nothing_is_reported(configtest, selectors, words):
    result = configtest("WSGIDaemonProcess app\n" + section(selectors, "WSGIRestrictStdin On"))
    assert result.returncode == 0
    assert "line 2 of" in result.stderr and all(word in result.stderr for word in words), result.stderr


@pytest.mark.ours
def test_free_threading_in_a_container_for_application_groups_is_reported(configtest):
    result = configtest(section("application-group=a", "WSGIFreeThreading On"))
    assert result.returncode == 0 and "WSGIFreeThreading" in result.stderr and "process" in result.stderr


@pytest.mark.parametrize("selectors, word", {
    "site": "site", "process-group": "process-group", "server=a": "server", "process-group=a process-group=b": "process-group",
    "Process-Group=a process-group=a": "rocess-", "=a": "",
}.items())
def test_refused_selectors(configtest, selectors, word):
    result = configtest("\n" + section(selectors, "WSGIRestrictStdin On"))
    assert result.returncode != 0 and word in result.stderr and "line 2 of" in result.stderr, result.stderr


@pytest.mark.ours
def test_an_unknown_selector_is_told_the_known_one(configtest):
    assert "did you mean `process-group`?" in configtest(section("proces-group=a")).stderr


def test_errors_inside_name_their_own_line(configtest):
    result = configtest(section("", "WSGIRestrictSignal On", "WSGIRestrictStdin perhaps"))
    assert result.returncode != 0 and "line 3 of" in result.stderr and "WSGIRestrictStdin" in result.stderr, result.stderr


@pytest.mark.parametrize("around", ["<VirtualHost *:1>\n{}</VirtualHost>\n", "<Directory />\n{}</Directory>\n"])
def test_not_outside_of_the_main_server(configtest, around):
    result = configtest(around.format(section("", "WSGIRestrictStdin On")))
    assert result.returncode != 0 and "WSGIInterpreterOptions" in result.stderr, result.stderr
