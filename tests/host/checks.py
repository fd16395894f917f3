"""Run by the Python under test: what the specification says of a request, over an exchange in memory.

Prints one line of JSON for each check: its name, and null or a traceback.
"""

import ast
import json
import os
import sys
import tempfile
import time
import traceback

from driver import ANNOUNCE, ERROR, HTTPS, INFO, NO_BODY, NOTICE, OUT, RELOADING, Host, finish

CHECKS = {}


def check(function):
    """Registers a check."""
    CHECKS[function.__name__] = function
    return function


def raised(result, name, code=500):
    """The request failed with an exception of that name, and the log has its traceback."""
    assert result.code == code, (result.code, result.logged())
    log = result.logged(ERROR)
    assert f"{name} exception raised processing WSGI script '" in log and "app.py' (process group 'group'" in log, log
    assert "<mod_wsgi>" not in log, log
    return log


@check
def a_known_body_is_left_to_the_caller_and_gets_its_length(host):
    result = host.serve()
    assert (result.code, result.status, result.reason, result.sent, result.last) == (0, 200, b"OK", [], b"hello world")
    assert result.header("Content-Length") == [b"11"] and result.header("Content-Type") == [b"text/plain"]


@check
def pieces_go_out_as_they_are_yielded(host):
    result = host.serve("stream")
    assert (result.code, result.sent, result.last, result.header("Content-Length")) == (0, [b"a", b"b"], None, [])


@check
def a_big_body_goes_out_from_pythons_memory(host):
    result = host.serve("big")
    assert [len(piece) for piece in result.sent] == [300_000, 300_000] and result.header("Content-Length") == [b"600000"]


@check
def environ_has_the_keys_of_the_specification(host):
    variables = {"HTTP_HOST": "example.org", "X": "\xe4", "SCRIPT_FILENAME": b"/\xc3\xa4", "HTTPS": "on",
                 "wsgi.version": "stolen", "mod_wsgi.version": "stolen", "SET_ENV": ""}
    result = host.serve("items", group="g", environ=variables, flags=HTTPS | NO_BODY)
    found = dict(line.split("=", 1) for line in result.body.decode().splitlines())
    version = found["mod_wsgi.version"]
    assert version.startswith("(6, ") and found["wsgi.version"] == "(1, 0)" and "HTTPS" not in found
    expected = {"X": "'\xe4'", "SCRIPT_FILENAME": "'/\xe4'", "SET_ENV": "''", "wsgi.url_scheme": "'https'",
                "wsgi.multithread": "True", "wsgi.multiprocess": "False", "wsgi.run_once": "False",
                "wsgi.input_terminated": "True", "apache.version": "(2, 4, 71)", "mod_wsgi.process_group": "'group'",
                "mod_wsgi.application_group": "'g'", "mod_wsgi.callable_object": "'items'", "mod_wsgi.thread_id": "1",
                "mod_wsgi.request_start": "1.5", "mod_wsgi.queue_start": "0.0", "mod_wsgi.daemon_start": "2.5",
                "wsgi.file_wrapper": "<class 'mod_wsgi.FileWrapper'>"}
    assert {name: found[name] for name in expected} == expected
    assert abs(float(found["mod_wsgi.application_start"]) - time.time()) < 10
    assert found["wsgi.input"].startswith("<mod_wsgi.Input object") and "<wsgi.errors>" in found["wsgi.errors"]


@check
def interpreters_are_apart_and_named(host):
    found = [ast.literal_eval(host.serve("evaluate", group=group, environ={
        "QUERY_STRING": "(id(KEPT), __import__('mod_wsgi').application_group)"}).body.decode()) for group in ("", "one", "two", "one")]
    assert [name for _, name in found] == ["", "one", "two", "one"]
    assert len({number for number, _ in found}) == 3 and found[1] == found[3]


@check
def input_reads_like_a_file(host):
    text = b"one\ntwo\n\nthree\nfour\nfive\nsix"
    expected = [b"one\n", b"tw", b"", b"o\n\n", b"three\n", [b"four\n"], b"five\n", b"six", (b"", b"", b"", [], None)]
    for size in (1, 3, 100):
        result = host.serve("lines", body=[text[at : at + size] for at in range(0, len(text), size)])
        assert ast.literal_eval(result.body.decode()) == expected, (size, result.body, result.logged())


@check
def input_takes_sizes_as_the_specification_says(host):
    for expression, expected in {
        "input.read(-1)": b"0123456789", "input.read(4)": b"0123", "input.read(0)": b"", "input.read(99)": b"0123456789",
        "input.readline(-5)": b"0123456789", "input.readlines(-1)": [b"0123456789"],
        "(input.read(0), input.read(2))": (b"", b"01"), "input is iter(input)": True,
    }.items():
        result = host.serve("evaluate", environ={"QUERY_STRING": expression}, body=b"0123456789")
        assert ast.literal_eval(result.body.decode()) == expected, (expression, result.body)
    for expression in ("input.read(None)", "input.read('1')", "input.read(1, 2)", "input.read(size=1)", "type(input)()"):
        raised(host.serve("evaluate", environ={"QUERY_STRING": expression}, body=b"0"), "TypeError")


@check
def input_without_a_body_is_empty(host):
    assert host.serve("echo", flags=NO_BODY).last == b""


@check
def input_that_breaks_raises_each_time(host):
    result = host.serve("failing_input", body=[b"some", None])
    assert ast.literal_eval(result.body.decode()) == ["mod_wsgi request data read error: broken"] * 2


@check
def a_large_input_arrives_whole(host):
    data = os.urandom(100_000) * 20
    assert host.serve("echo", body=[data[at : at + 70_000] for at in range(0, len(data), 70_000)]).body == data


@check
def start_response_checks_its_arguments(host):
    for arguments, expected in {
        "('200 OK', [])": "none", "('200', [])": "none", "('200 OK', [('A', 'b')], None)": "none",
        "('200 OK', ())": "TypeError", "('200 OK', [], 5)": "RuntimeError", "(b'200 OK', [])": "TypeError",
        "('200\u20ac', [])": "UnicodeEncodeError", "('20 OK', [])": "ValueError", "('2000 OK', [])": "ValueError",
        "('200OK', [])": "ValueError", "('200 O\\nK', [])": "ValueError", "('200 OK', [['A', 'b']])": "TypeError",
        "('200 OK', [('A',)])": "ValueError", "('200 OK', [('A', 'b', 'c')])": "ValueError",
        "('200 OK', [(b'A', 'b')])": "TypeError", "('200 OK', [('A', 5)])": "TypeError",
        "('200 OK', [('\u20ac', 'b')])": "UnicodeEncodeError", "('200 OK', [('A', '\\udcff')])": "UnicodeEncodeError",
        "('200 OK', [('A b', 'c')])": "ValueError", "('200 OK', [('', 'c')])": "ValueError",
        "('200 OK', [('A', 'b\\r\\nc')])": "ValueError", "('200 OK',)": "TypeError", "('200 OK', [], None, 1)": "TypeError",
    }.items():
        query = arguments.encode("unicode_escape").replace(b"\\\\", b"\\").decode()
        result = host.serve("check_start", environ={"QUERY_STRING": query})
        assert result.body.decode() == expected, (arguments, result.body, result.logged())


@check
def headers_go_out_as_given(host):
    result = host.serve("exc_info_before")
    assert (result.status, result.reason, result.body) == (500, b"Oh", b"replaced")


@check
def exc_info_after_the_head_raises_the_original(host):
    log = raised(host.serve("exc_info_after"), "ValueError", 1)
    assert "the original" in log
    raised(host.serve("again_after"), "RuntimeError", 1)


@check
def exceptions_cost_the_request(host):
    assert "before the head" in raised(host.serve("raise_before"), "ValueError")
    assert host.serve("raise_started").headers is None
    result = host.serve("raise_after")
    raised(result, "ValueError", 1)
    assert result.sent == [b"first"]
    log = raised(host.serve("chained"), "ValueError")
    assert log.index("the cause") < log.index("direct cause") < log.index("the effect")


@check
def exceptions_that_cannot_be_compared_have_a_traceback(host):
    log = raised(host.serve("incomparable"), "Incomparable")
    assert log.index("the cause") < log.index("direct cause") < log.index("the effect")


@check
def system_exit_is_ignored(host):
    result = host.serve("leave")
    assert result.code == 500 and "SystemExit exception raised by WSGI script '" in result.logged(ERROR)
    assert ", ignored" in result.logged(ERROR)


@check
def wrong_results_are_refused(host):
    raised(host.serve("not_bytes"), "TypeError")
    raised(host.serve("no_start"), "RuntimeError")
    raised(host.serve("no_start_empty"), "RuntimeError")
    raised(host.serve("nothing"), "TypeError")
    raised(host.serve("write_text"), "TypeError")


@check
def a_missing_callable_names_candidates(host):
    result = host.serve("aplication")
    assert result.code == 500 and "no callable object 'aplication'" in result.logged(ERROR)
    result = host.serve("aplication", script="encoded.py")
    assert "it defines application; name one with" in result.logged(ERROR)


@check
def write_sends_at_once(host):
    result = host.serve("writing")
    assert (result.code, result.sent, result.last, result.header("Content-Length")) == (0, [b"one", b"two"], b"three", [])


@check
def what_is_kept_raises_after_the_request(host):
    host.serve("writing")
    assert host.serve("late").body == repr(["RuntimeError"] * 5).encode()


@check
def close_is_called_once_on_every_path(host):
    for setting, code in {"": 0, "KEPT.update(pieces=['text'])": 500, "KEPT.update(pieces=[b'a', 5])": 1,
                          "KEPT.update(close=lambda: 1 / 0)": 0, "KEPT.update(pieces=None)": 500}.items():
        if setting:
            host.serve("evaluate", environ={"QUERY_STRING": setting})
        result = host.serve("closing")
        assert result.code == code, (setting, result.code, result.logged())
        if "1 / 0" in setting:
            assert "in close() of the response" in result.logged(ERROR)
        closed = host.serve("evaluate", environ={"QUERY_STRING": "KEPT['closing'].closed"})
        assert closed.body == b"1", (setting, closed.body)


@check
def a_client_that_has_gone_ends_the_iteration_in_silence(host):
    result = host.serve("until_gone", patience=3)
    assert result.code == 1 and not result.logged(ERROR), result.logged()
    assert host.serve("evaluate", environ={"QUERY_STRING": "(KEPT['yielded'], KEPT['closed'])"}).body == b"(4, True)"
    assert host.serve("write_until_gone", patience=3).code in (0, 1)
    assert host.serve("evaluate", environ={"QUERY_STRING": "'closed' in KEPT['gone']"}).body == b"True"


@check
def content_length_is_kept(host):
    for query, code, body, length in [
        ("('200 OK', '5', [b'12345'])", 0, b"12345", b"5"), ("('200 OK', '3', [b'12', b'345'])", 0, b"123", b"3"),
        ("('200 OK', '9', [b'12345'])", 1, b"12345", b"9"), ("('200 OK', '9', b'12345')", 1, b"12345", b"9"),
        ("('200 OK', '2', b'12345')", 0, b"12", b"2"), ("('200 OK', None, [])", 0, b"", b"0"),
        ("('200 OK', None, b'')", 0, b"", b"0"), ("('200 OK', None, (b'1', b'2'))", 0, b"12", b"2"),
    ]:
        result = host.serve("sized", environ={"QUERY_STRING": query})
        assert (result.code, result.body, result.header("Content-Length")) == (code, body, [length]), (query, vars(result))
    for bad in ("x", "-1", "5 "):
        raised(host.serve("sized", environ={"QUERY_STRING": f"('200 OK', {bad!r}, [b'12345'])"}), "ValueError")


@check
def responses_without_a_body(host):
    for method, query, length in [
        ("HEAD", "('200 OK', None, [b'12345'])", [b"5"]), ("HEAD", "('200 OK', '7', [b'12345'])", [b"7"]),
        ("HEAD", "('200 OK', None, [])", []), ("HEAD", "('200 OK', None, b'12345')", []),
        ("GET", "('204 No', None, [b'12345'])", []), ("GET", "('304 Not', '5', [])", [b"5"]),
    ]:
        result = host.serve("sized", environ={"QUERY_STRING": query, "REQUEST_METHOD": method})
        assert (result.code, result.body, result.header("Content-Length")) == (0, b"", length), (method, query, vars(result))


@check
def a_real_file_goes_out_as_one(host):
    for length, code, body, header in [("", 0, b"3456789", b"7"), ("4", 0, b"3456", b"4"), ("99", 1, b"3456789", b"99")]:
        result = host.serve("file", environ={"QUERY_STRING": length})
        found = (result.code, result.sent, result.last, result.header("Content-Length"))
        assert found == (code, [body], None, [header]), (length, vars(result))
        assert host.serve("evaluate", environ={"QUERY_STRING": "KEPT['file'].closed"}).body == b"True"
    result = host.serve("file", environ={"QUERY_STRING": "", "REQUEST_METHOD": "HEAD"})
    assert (result.code, result.body, result.header("Content-Length")) == (0, b"", [b"7"])


@check
def a_file_like_object_is_iterated(host):
    result = host.serve("file_like")
    assert (result.code, result.sent) == (0, [b"0123", b"4567", b"89"])


@check
def what_is_printed_is_logged(host):
    result = host.serve("printing", group="printing")
    assert result.code == 0, result.logged()
    assert result.logged(NOTICE) == "on stdout\npart of a line, and its end\nbytes"
    assert result.logged(ERROR) == "two\nlines\nno end\\udcff surrogate"


@check
def log_records_have_level_and_place(host):
    result = host.serve("log_record")
    (level, text, file, line), = [entry for entry in result.log if entry[1] == "a warning"]
    assert level == 4 and file.endswith("app.py") and line > 0
    assert any(entry[:2] == (7, "a detail") for entry in result.log)
    assert "a detail" not in host.serve("log_record", log_level=INFO).logged()


@check
def the_module_mod_wsgi_has_its_attributes(host):
    result = host.serve("attributes", group="a group")
    found = result.body.decode()
    for text in ("'version': (6, 1, 1)", "'process_group': 'group'", "'application_group': 'a group'",
                 "'maximum_processes': 1", "'threads_per_process': 5", "((2, 4, 71), 'Apache/2.4.71', 'event')",
                 "'same': True", "'data': True", "(<class 'BaseException'>,)", "'argv': ['mod_wsgi']",
                 "'name': '_mod_wsgi_"):
        assert text in found, (text, found, result.logged())
    left = host.serve("evaluate", environ={"QUERY_STRING": "len(__import__('mod_wsgi').active_requests)"})
    assert left.body == b"1"


@check
def events_reach_their_subscribers(host):
    host.serve("observe", group="events")
    result = host.serve("raise_after", group="events")
    assert "exception raised by event callback for 'request_finished'" in result.logged(ERROR)
    host.serve("evaluate", group="events", environ={"QUERY_STRING": "KEPT['events'].clear()"})
    host.serve("raise_after", group="events")
    found = ast.literal_eval(host.serve("observed", group="events").body.decode())
    names = [name for name, _ in found]
    first = names.index("request_started", 1) if names[0] != "request_started" else 0
    assert names[first : first + 4] == ["request_started", "response_started", "request_exception", "request_finished"], names
    assert {"application_object", "application_start", "callable_object", "daemon_connects", "request_data",
            "request_environ", "request_id", "server_pid", "thread_id"} <= set(found[first][1])
    assert {"application_finish", "application_time", "input_reads", "input_length", "status"} <= set(found[first + 3][1])


@check
def an_event_may_replace_the_application(host):
    host.serve("observe", group="replace", environ={"QUERY_STRING": "replace"})
    assert "after start_response" in raised(host.serve(group="replace"), "ValueError")


@check
def signals_belong_to_httpd(host):
    result = host.serve("signals")
    assert b"print" not in result.body.split(b"True")[1] and "WSGIRestrictSignal" in result.logged(INFO)


@check
def stdin_is_restricted(host):
    assert b"WSGIRestrictStdin" in host.serve("stdin").body


@check
def a_script_is_loaded_once_and_logged(host):
    result = host.serve(group="loading")
    path, = {text for level, text, _, _ in result.log if level == INFO}
    assert path.startswith("Loading WSGI script '/") and "application group 'loading'" in path
    assert not host.serve(group="loading").log


@check
def a_broken_script_is_reported_each_time(host):
    for _ in range(2):
        result = host.serve(script="broken.py")
        log = result.logged(ERROR)
        assert result.code == 500 and "ImportError exception raised processing WSGI script '" in log, log
        assert "broken on purpose" in log and ", in inner" in log and "<mod_wsgi>" not in log, log
    result = host.serve(script="exiting.py")
    assert result.code == 500 and "SystemExit exception raised by WSGI script '" in result.logged(ERROR)
    result = host.serve(script="/nowhere.py")
    assert result.code == 500 and "FileNotFoundError" in result.logged(ERROR)


@check
def the_encoding_of_a_script_is_honoured(host):
    assert host.serve(script="encoded.py").body == b"\xc3\xa4"


SCRIPT = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"%s"]
"""


@check
def a_changed_script_is_loaded_again_or_rejected(host):
    with tempfile.NamedTemporaryFile("w", suffix=".wsgi") as file:
        def write(text, age):
            with open(file.name, "w") as out:
                out.write(text)
            os.utime(file.name, (age, age))

        write(SCRIPT % "one", 1000)
        assert host.serve(script=file.name, flags=RELOADING).body == b"one"
        write(SCRIPT % "two", 2000)
        assert host.serve(script=file.name).body == b"one"
        result = host.serve(script=file.name, flags=RELOADING | ANNOUNCE, reject=True)
        assert result.code is None and not result.log
        result = host.serve(script=file.name, flags=RELOADING | ANNOUNCE)
        assert result.body == b"two" and "Reloading WSGI script '" in result.logged(INFO)
        write(SCRIPT % "older", 500)
        assert host.serve(script=file.name, flags=RELOADING).body == b"older"
        write("def broken(", 3000)
        assert "SyntaxError" in host.serve(script=file.name, flags=RELOADING).logged(ERROR)
        write(SCRIPT % "three" + "def reload_required(path):\n    return AGAIN\nAGAIN = False\n", 4000)
        assert host.serve(script=file.name, flags=RELOADING).body == b"three"
        assert not host.serve(script=file.name, flags=RELOADING).log
        write(SCRIPT % "four" + "def reload_required(path):\n    return path.endswith('.wsgi')\n", 5000)
        assert host.serve(script=file.name, flags=RELOADING).body == b"four"
        assert "Reloading" in host.serve(script=file.name, flags=RELOADING).logged(INFO)


@check
def wsgiref_finds_no_fault(host):
    with tempfile.NamedTemporaryFile("w", suffix=".wsgi") as file:
        app = os.path.join(os.path.dirname(os.path.abspath(__file__)), "apps", "app.py")
        file.write(f"from wsgiref.validate import validator\nspace = {{'__name__': 'app'}}\n"
                   f"exec(open({app!r}).read(), space)\n"
                   f"for name in ('application', 'stream', 'echo2', 'writing', 'file_like'):\n"
                   f"    if name in space: globals()[name] = validator(space[name])\n")
        file.flush()
        for name in ("application", "stream", "writing", "file_like"):
            result = host.serve(name, script=file.name)
            assert result.code == 0 and not result.logged(ERROR), (name, result.logged())


@check
def a_fork_in_a_sub_interpreter_is_explained(host):
    assert "%{GLOBAL}" in host.serve("forking", group="fork").logged()


@check
def a_forked_copy_does_not_write_to_the_request(host):
    read, write = os.pipe()
    before = os.dup(2)
    os.dup2(write, 2)
    try:
        result = host.serve("printing_child")
    finally:
        os.dup2(before, 2)
        os.close(write)
    assert result.code == 0 and not result.logged(NOTICE), result.logged()
    assert b"from the copy" in os.read(read, 1000)


@check
def threads_of_the_application_may_use_what_it_was_lent(host):
    for group in ("", "threads"):
        assert host.serve("worker_threads", group=group, body=[b"x" * 997] * 1000).body == b"997000"


@check
def callbacks_of_c_extensions_come_back_to_their_interpreter(host):
    for group in ("", "one", "two", "one", ""):
        result = host.serve("gilstate", group=group)
        if result.code == 500 and "sqlite3" in result.logged():
            return  # this Python was built without
        assert result.body == group.encode(), (group, vars(result))


def main():
    """Runs all checks."""
    host = Host(sys.argv[1])
    first = ("a_forked_copy_does_not_write_to_the_request",)  # a copy dies as soon as there are sub-interpreters
    for name, function in sorted(CHECKS.items(), key=lambda item: item[0] not in first):
        try:
            function(host)
            said = None
        except BaseException:
            said = traceback.format_exc()
        print(json.dumps([name, said]), file=OUT, flush=True)
    finish()


if __name__ == "__main__":
    main()
