"""Run by the Python under test: interpreters with a GIL of their own."""

import faulthandler
import os
import sys
import threading

from driver import ERROR, OUT, Host, finish, layer

OWN = sys.version_info >= (3, 13)


def main():
    """Two interpreters at once; what is not allowed in them; what the log says where there are none."""
    faulthandler.dump_traceback_later(60, exit=True)
    host = Host(sys.argv[1], layers=[layer(own_gil=True, switch_interval=0.02), layer("shared", own_gil=False),
                                     layer("b", switch_interval=0.5)])
    interval = "sys.getswitchinterval()"
    evaluate = lambda query, group: host.serve("evaluate", group=group, environ={"QUERY_STRING": query}).body.decode()
    assert evaluate(interval, "") == evaluate(interval, "a") == evaluate(interval, "shared") == "0.02"
    assert evaluate(interval, "b") == ("0.5" if OWN else "0.02")
    if OWN:
        at_once(host)
        log = host.serve("forking", group="a").logged(ERROR)
        assert "fork not supported" in log and "%{GLOBAL}" in log.splitlines()[-1], log
        assert evaluate("__import__('subprocess').call(['true'])", "a") == "0"
        daemon = "[thread := __import__('threading').Thread(target=print, daemon=True), thread.start(), thread.join()][1:]"
        assert evaluate(daemon, "a") == "[None, None]"
    print("done", file=OUT)
    host.stop()
    finish()


def at_once(host):
    """Interpreter a holds its GIL within a C function until others have answered: with one GIL that would never be."""
    (waits, go), (ready, says) = os.pipe(), os.pipe()
    environ, answers = {"FD": str(waits), "READY": str(says)}, []
    holder = threading.Thread(target=lambda: answers.append(host.serve("hold_gil", group="a", environ=environ)))
    holder.start()
    os.read(ready, 1)
    for group in ("b", "", "shared", "new"):
        assert host.serve(group=group).body == b"hello world"
    os.write(go, b"x")
    holder.join()
    assert answers[0].body == b"1", vars(answers[0])


main()
