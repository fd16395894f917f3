"""`mod_wsgi.LogHandler`: levels, places, lines, and what happens to records that cannot be formatted."""

import re

import pytest
from support.ask import ask

EVALUATE = "WSGIScriptAlias / ${APPS}/evaluate.py\n"
# %F is the source place; the default format has none.
WITH_PLACE = 'ErrorLogFormat "[%t] [%-m:%l] [pid %P] [place %F] [client %a] %M"\n'

SET_UP = """
import logging
if "logger" not in kept:
    logger = kept["logger"] = logging.getLogger("probe")
    logger.propagate = False
    logger.setLevel(1)
    logger.addHandler(mod_wsgi.LogHandler())
logger = kept["logger"]
"""


def log(server, code):
    """Lets the application log; the lines that came of it."""
    ask(server, SET_UP)
    since = server.mark()
    ask(server, SET_UP + code + "\nlogger.critical('the end of it')\n")
    server.wait_for_log("the end of it", since)
    return [line for line in server.log(since).splitlines() if "the end of it" not in line and "[wsgi:" in line]


@pytest.mark.parametrize("level, number, name", [
    ("CRITICAL", 50, "crit"), ("above all", 70, "crit"), ("ERROR", 40, "error"), ("between", 45, "error"),
    ("WARNING", 30, "warn"), ("INFO", 20, "info"), ("DEBUG", 10, "debug"), ("below", 5, "debug")])
def test_levels(serve, mode, level, number, name):
    server = serve(EVALUATE, mode, level="debug")
    found = log(server, f"logger.log({number}, 'of level {number}')")
    assert len([line for line in found if f"of level {number}" in line]) == 1
    assert re.search(rf"\[wsgi:{name}\].*\[client 127\.0\.0\.1:\d+\].*of level {number}$", "\n".join(found), re.M)


def test_what_httpd_would_not_log_is_not_even_formatted(serve, mode):
    server = serve(EVALUATE, mode, level="error")
    assert ask(server, SET_UP + """
class Counted:
    def __str__(self):
        kept["formatted"] = kept.get("formatted", 0) + 1
        return "counted"
for level in (10, 20, 30, 40, 50):
    logger.log(level, Counted())
answer = kept["formatted"]
""") == 2
    server.wait_for_log("wsgi:crit.*counted")
    assert "wsgi:warn" not in server.log() and "wsgi:info" not in server.log()


def test_each_line_is_a_record_with_its_place(serve, mode):
    server = serve(WITH_PLACE + EVALUATE, mode)
    found = log(server, """
def say(): logger.warning("one\\ntwo %s\\nthree", "and a half")
exec(compile("\\n" * 41 + "say()", "/made/up/place.py", "exec"))
exec(compile("\\n" * 41 + "logger.warning('direct')", "/made/up/place.py", "exec"))
""")
    texts = [line for line in found if "wsgi:warn" in line]
    assert [re.search(r"\] ([^]]*)$", line).group(1) for line in texts] == ["one", "two and a half", "three", "direct"]
    assert "place.py(42)" in texts[3] and "[client 127.0.0.1:" in texts[3], texts[3]


def test_it_can_be_subclassed_and_takes_a_formatter(serve, mode):
    found = log(serve(EVALUATE, mode), """
class Shouting(mod_wsgi.LogHandler):
    def __init__(self, mark):
        super().__init__(logging.WARNING)
        self.mark = mark
    def emit(self, record):
        record.msg = record.msg.upper() + self.mark
        super().emit(record)
other = logging.Logger("other")
handler = Shouting("!")
handler.setFormatter(logging.Formatter("%(name)s says %(message)s"))
other.addHandler(handler)
other.info("below the level of the handler")
other.warning("heard")
""")
    assert [line.rsplit("] ", 1)[1] for line in found] == ["other says HEARD!"]


def test_it_is_configured_by_name(serve, mode):
    found = log(serve(EVALUATE, mode), """
import logging.config
logging.config.dictConfig({
    "version": 1, "disable_existing_loggers": False,
    "handlers": {"httpd": {"class": "mod_wsgi.LogHandler", "level": "ERROR"}},
    "loggers": {"configured": {"handlers": ["httpd"], "propagate": False}}})
logging.getLogger("configured").error("by dictionary")
logging.getLogger("configured").warning("not by dictionary")
""")
    assert [line.rsplit("] ", 1)[1] for line in found] == ["by dictionary"]


def test_a_record_that_cannot_be_formatted_goes_the_way_of_logging(serve, mode):
    server = serve(EVALUATE, mode)
    assert ask(server, SET_UP + """
class Noting(mod_wsgi.LogHandler):
    def handleError(self, record): kept["failed"] = [record.msg, type(sys.exc_info()[1]).__name__]
other = logging.Logger("other")
other.addHandler(Noting())
other.error("%d items", "many")
logger.error("%d things", "many")
answer = kept["failed"]
""") == ["%d items", "TypeError"]
    server.wait_for_log("--- Logging error ---")
    server.wait_for_log("TypeError: %d format")


def test_a_thread_of_the_application_logs_to_the_server(serve, mode):
    found = log(serve(EVALUATE, mode), """
import threading
thread = threading.Thread(target=logger.error, args=("from a thread",))
thread.start()
thread.join()
""")
    assert len(found) == 1 and "[wsgi:error]" in found[0] and "client" not in found[0]


def test_tracebacks_are_whole(serve, mode):
    found = log(serve(EVALUATE, mode), """
try: 1 / 0
except ZeroDivisionError: logger.exception("while dividing")
""")
    texts = [line.rsplit("] ", 1)[1] for line in found]
    assert texts[0] == "while dividing" and texts[1].startswith("Traceback") and texts[-1].startswith("ZeroDivisionError")


def test_characters_and_long_lines(serve, mode):
    found = log(serve(EVALUATE, mode), "logger.error('Grüße €'); logger.error('a lone \\udc80'); logger.error('')")
    assert "Gr" in found[0] and "lone" in found[1]
