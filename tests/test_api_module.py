"""The modules `mod_wsgi` and `apache` that an application imports: names, values, and how they get there."""

import re
import subprocess

import pytest
from support import httpd
from support.ask import ask

EVALUATE = "WSGIScriptAlias / ${APPS}/evaluate.py\n"
NAMES = """FileWrapper LogHandler RequestTimeout active_requests application_group event_callbacks maximum_processes
    process_group process_metrics request_data request_metrics server_metrics shutdown_callbacks signal_callbacks
    start_recording_metrics subscribe_events subscribe_fork subscribe_shutdown subscribe_signals threads_per_process version""".split()


@pytest.fixture
def asked(serve, mode):
    """A server of its own, for what a test changes in the process."""
    return serve(EVALUATE, mode, "processes=2 threads=3")


def on_path(mode, folder):
    """The configuration that puts a folder on the path, for [`serve`]'s `conf` and `options`."""
    return f"WSGIPythonPath {folder}\n" if mode == "embedded" else "", f"threads=3 python-path={folder}"


def test_the_names_and_no_others(asked):
    assert ask(asked, "[name for name in dir(mod_wsgi) if not name.startswith('_')]") == NAMES
    assert ask(asked, "hasattr(mod_wsgi, 'application_metrics')") is False
    assert ask(asked, "[hasattr(mod_wsgi, '__file__'), mod_wsgi.__loader__, mod_wsgi.__spec__, mod_wsgi.__name__]") == \
        [False, None, None, "mod_wsgi"]
    assert ask(asked, """
        try: mod_wsgi.no_such_thing
        except AttributeError as error: answer = str(error)
    """) == "module 'mod_wsgi' has no attribute 'no_such_thing'"


def test_values(asked, mode):
    values = ask(asked, """
        names = "version", "process_group", "application_group", "maximum_processes", "threads_per_process"
        answer = [getattr(mod_wsgi, name) for name in names]
    """)
    version, process_group, application_group, processes, threads = values
    assert version == [6, 1, 1] and application_group.endswith("|")
    assert (process_group, processes, threads) == (("app", 2, 3) if mode == "daemon" else ("", 1, 16))
    assert ask(asked, "[environ['mod_wsgi.' + name] for name in ('process_group', 'application_group')]") == \
        [process_group, application_group]


def test_the_module_apache_tells_of_httpd_in_both_modes(asked):
    found = ask(asked, "import apache; answer = {n: getattr(apache, n) for n in dir(apache) if n[0] != '_'}")
    said = subprocess.run([httpd.program(), "-v"], capture_output=True, text=True, check=True).stdout
    version = [int(number) for number in re.search(r"Apache/(\d+)\.(\d+)\.(\d+)", said).groups()]
    assert found.pop("version") == version
    assert found.pop("description").startswith(f"Apache/{version[0]}.{version[1]}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", found["build_date"]), found
    assert found.pop("build_date") in said
    assert found == {"mpm_name": "event", "maximum_processes": 1, "threads_per_process": 16}


def test_types_by_their_names(asked):
    shown = ask(asked, """
        import logging
        answer = {
            "input": environ["wsgi.input"], "errors": environ["wsgi.errors"], "start_response": start_response,
            "stderr": sys.stderr, "file_wrapper": environ["wsgi.file_wrapper"], "handler": mod_wsgi.LogHandler,
            "timeout": mod_wsgi.RequestTimeout, "write": start_response("200 OK", []),
        }
    """)
    for name, pattern in {
        "input": "<mod_wsgi.Input object at .*>", "errors": "<mod_wsgi.Log name='<wsgi.errors>' encoding='utf-8'>",
        "start_response": "<built-in method start_response of mod_wsgi.Adapter object at .*>",
        "stderr": "<mod_wsgi.Log name='<stderr>' encoding='utf-8'>", "file_wrapper": "<class 'mod_wsgi.FileWrapper'>",
        "handler": "<class 'mod_wsgi.LogHandler'>", "timeout": "<class 'mod_wsgi.RequestTimeout'>",
        "write": "<built-in method write of mod_wsgi.Adapter object at .*>",
    }.items():
        assert re.fullmatch(pattern, shown[name]), shown[name]


def test_what_belongs_together_is_the_same_object(asked):
    assert ask(asked, """
        import logging
        answer = [mod_wsgi.FileWrapper is environ["wsgi.file_wrapper"], mod_wsgi.RequestTimeout.__bases__ == (BaseException,),
                  mod_wsgi.LogHandler is mod_wsgi.LogHandler, issubclass(mod_wsgi.LogHandler, logging.Handler)]
    """) == [True] * 4


def test_subscribing_gives_the_callback_back_and_takes_it_by_position(asked):
    assert ask(asked, """
        def callback(name, **payload): pass
        functions = mod_wsgi.subscribe_events, mod_wsgi.subscribe_shutdown, mod_wsgi.subscribe_signals
        answer = [function(callback) is callback for function in functions]
        for function in functions:
            for wrong in (lambda: function(callback=callback), lambda: function(), lambda: function(1, 2)):
                try: wrong()
                except TypeError as error: answer.append(function.__name__ in str(error))
    """) == [True] * 12


def test_request_data_is_one_dictionary_for_the_request(asked):
    first = ask(asked, """
        data = mod_wsgi.request_data()
        data["seen"] = 1
        listed = mod_wsgi.active_requests
        answer = [data is listed[environ["mod_wsgi.request_id"]], len(listed), mod_wsgi.request_data()]
    """)
    assert first == [True, 1, {"seen": 1}]
    assert ask(asked, "mod_wsgi.request_data()") == {}


def test_request_data_outside_of_a_request(asked):
    assert ask(asked, """
        import threading
        def look():
            try: mod_wsgi.request_data()
            except RuntimeError as error: kept["error"] = str(error)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        answer = kept["error"]
    """) == "this thread serves no request"


def test_request_data_is_there_while_the_script_is_loaded(serve, mode):
    script = """import mod_wsgi
mod_wsgi.request_data()["from"] = "the load"
def application(environ, start_response):
    start_response("200 OK", [])
    return [repr(mod_wsgi.request_data()).encode()]
"""
    server = serve("WSGIScriptAlias / ${ROOT}/loading.py\n", mode, files={"loading.py": script})
    assert [server.get("/").body for _ in range(2)] == [b"{'from': 'the load'}", b"{}"]


def test_interpreters_share_nothing(serve, mode):
    groups = "".join(f"WSGIScriptAlias /{name} ${{APPS}}/evaluate.py application-group={name}\n" for name in "ab")
    server = serve(groups, mode)
    change = "mod_wsgi.event_callbacks.append(1); mod_wsgi.RequestTimeout.mark = 'a'; answer = mod_wsgi.application_group"
    assert ask(server, change, "/a") == "a"
    look = "[mod_wsgi.application_group, mod_wsgi.event_callbacks, hasattr(mod_wsgi.RequestTimeout, 'mark')]"
    assert ask(server, look, "/b") == ["b", [], False]
    assert ask(server, look, "/a") == ["a", [1], True]


def test_submodules_of_a_package_with_our_name_can_be_imported(serve, mode):
    conf, options = on_path(mode, "${ROOT}/lib")
    server = serve(conf + EVALUATE, mode, options, files={
        "lib/mod_wsgi/__init__.py": "version = 'of the package'\nimport mod_wsgi.early\n",
        "lib/mod_wsgi/early.py": "value = 'early'\n",
        "lib/mod_wsgi/server/__init__.py": "import mod_wsgi\nvalue = mod_wsgi.version\n"})
    assert ask(server, "import mod_wsgi.server; answer = [mod_wsgi.server.value, mod_wsgi.version, mod_wsgi.early.value]") == \
        [[6, 1, 1], [6, 1, 1], "early"]


@pytest.mark.parametrize("source, complaint", [
    ("raise ValueError('broken package')", r"ValueError exception raised by the import of the package mod_wsgi"),
    ("import not_there_at_all", r"ModuleNotFoundError exception raised by the import of the package mod_wsgi"),
    ("raise SystemExit(1)", r"SystemExit exception raised by the import of the package mod_wsgi"),
])
def test_a_broken_package_with_our_name_is_logged(serve, mode, source, complaint):
    conf, options = on_path(mode, "${ROOT}/lib")
    server = serve(conf + EVALUATE, mode, options, files={"lib/mod_wsgi/__init__.py": source + "\n"})
    assert ask(server, "mod_wsgi.version") == [6, 1, 1]
    server.wait_for_log(complaint)
    assert source in server.log()


def test_a_module_apache_of_the_application_is_extended_in_embedded_mode(serve, mode):
    conf, options = on_path(mode, "${ROOT}/lib")
    server = serve(conf + EVALUATE, mode, options, files={"lib/apache.py": "own = 'the application'\nversion = 0\n"})
    found = ask(server, "import apache; answer = [getattr(apache, 'own', None), apache.mpm_name, apache.version != 0]")
    assert found == ["the application" if mode == "embedded" else None, "event", True]


def test_restricted_streams_by_their_name(serve, mode):
    server = serve("WSGIRestrictStdin On\nWSGIRestrictStdout On\n" + EVALUATE, mode)
    assert ask(server, "[type(sys.stdin).__module__, type(sys.stdin).__name__, type(sys.stdout).__name__]") == \
        ["mod_wsgi", "Restricted", "Restricted"]


@pytest.mark.parametrize("minor", [10, 11, 12, 13])
def test_every_python_has_the_whole_of_it(serve, python, minor):
    groups = "".join(f"WSGIScriptAlias /{name} ${{APPS}}/evaluate.py application-group={group}\n"
                     for name, group in (("main", "%{GLOBAL}"), ("sub", "sub"), ("other", "other")))
    server = serve(groups, "daemon", f"threads=2 python-home={python(minor)}")
    for path in ("/main", "/sub", "/other"):
        assert ask(server, "[name for name in dir(mod_wsgi) if not name.startswith('_')]", path) == NAMES
        assert ask(server, """
            import logging
            kept["seen"] = []
            mod_wsgi.subscribe_events(lambda name, **payload: kept["seen"].append([name, payload]))
            mod_wsgi.subscribe_shutdown(lambda name, **payload: print("told of", name))
            mod_wsgi.start_recording_metrics()
            logger = logging.Logger("versions")
            logger.addHandler(mod_wsgi.LogHandler())
            logger.warning("from %s", mod_wsgi.application_group or "main")
            answer = sys.version_info[1]
        """, path) == minor
        seen = ask(server, "[name for name, _ in kept['seen']]", path)
        assert seen[-1] == "request_started" and set(seen) >= {"response_started", "request_finished"}
        server.wait_for_log(rf"wsgi:warn.*from {path[1:]}$")
    assert ask(server, "mod_wsgi.request_metrics()['request_count']", "/sub") >= 5
    assert ask(server, "mod_wsgi.process_metrics()['threads'][1]['thread_id']", "/other") == 2
    server.stop()
    assert server.log().count("told of process_stopping") == 3
