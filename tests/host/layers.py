"""Run by the Python under test: what holds for one interpreter and not for another."""

import os
import pathlib
import sys
import tempfile

from driver import OUT, Host, finish, layer

FAILING = '''import os, sys; flag = os.path.exists({flag!r}); sys.modules.pop("signal", None) if sys.modules.get("signal", 1) is None else None; sys.modules.update(signal=None) if flag else None
'''


def main():
    """One process with many layers."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        for name in ("base", "extra", "own", "broken"):
            (place / name).mkdir()
        (place / "extra" / "more.pth").write_text(f"{place}/linked\nimport sys; sys.from_pth = sys.path[:]\n")
        (place / "linked").mkdir()
        flag = place / "flag"
        flag.touch()
        (place / "broken" / "failing.pth").write_text(FAILING.format(flag=str(flag)))
        host = Host(sys.argv[1], layers=[
            layer(path=[str(place / "base")], switch_interval=0.03, restrict_stdout=False),
            layer(path=[str(place / "extra")], restrict_stdin=True),
            layer("own", path=[str(place / "own")], restrict_stdin=False, restrict_stdout=True, restrict_signal=False,
                  switch_interval=0.9),
            layer("failing", path=[str(place / "broken")]),
        ], working_directory="/home-of-the-group")
        ask = lambda query, group: eval(host.serve("evaluate", group=group, environ={"QUERY_STRING": query}).body)

        front = ["/home-of-the-group", f"{place}/own", f"{place}/extra", f"{place}/linked", f"{place}/base"]
        assert ask("sys.path[:5]", "own") == front, ask("sys.path", "own")
        assert ask("sys.path[:4]", "") == front[:1] + front[2:], ask("sys.path", "")
        assert ask("f'{place}/linked' in sys.from_pth".replace("{place}", folder).replace("f'", "'"), "")
        streams = "[type(stream).__module__ + '.' + type(stream).__name__ for stream in (sys.stdin, sys.stdout, sys.stderr)]"
        assert ask(streams, "") == ["mod_wsgi.Restricted", "mod_wsgi.Log", "mod_wsgi.Log"], ask(streams, "")
        assert ask(streams, "own") == ["_io.TextIOWrapper", "mod_wsgi.Restricted", "mod_wsgi.Log"], ask(streams, "own")
        signals = "(__import__('signal').signal.__module__, sys.getswitchinterval())"
        assert ask(signals, "own") == ("signal", 0.03) and ask(signals, "") == ("mod_wsgi", 0.03), ask(signals, "own")

        first = host.serve(group="failing")
        assert first.code == 500 and "application group 'failing' could not be set up" in first.logged(2), vars(first)
        assert "ModuleNotFoundError" in first.logged(2) and host.serve(group="failing").code == 500
        flag.unlink()
        assert host.serve(group="failing").body == b"hello world"
        assert host.serve(group="failing").code == 0
    os.chdir("/")
    host.stop()
    print("done", file=OUT)
    finish()


main()
