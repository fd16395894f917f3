"""Run by the Python under test: extension modules that do not work in every interpreter, and what the log says."""

import sys

from driver import ERROR, Host, finish, layer

OWN = sys.version_info >= (3, 13)  # own GILs work
REMEDY = "add `WSGIApplicationGroup %{GLOBAL}`"


def main():
    """Imports both modules in several interpreters."""
    host = Host(sys.argv[1], layers=[layer(path=[sys.argv[2]]), layer("own", own_gil=True)])

    def imports(name, group):
        result = host.serve("importing", group=group, environ={"MODULE": name})
        assert (result.code == 0) == (not result.logged(ERROR)), vars(result)
        return result.logged(ERROR)

    for group in ("", "shared", "other", *(() if OWN else ("own",))):
        assert not imports("single_phase", group), group
    assert not imports("only_one", "")
    for group in ("shared", *(() if OWN else ("own",))):
        last = imports("only_one", group).splitlines()[-1]
        assert "Interpreter change detected" in last and REMEDY in last and f"'{group}'" in last, last
    for name in ("single_phase", "only_one") if OWN else ():
        last = imports(name, "own").splitlines()[-1]
        assert "does not support loading in subinterpreters" in last and REMEDY in last, last
        assert "`WSGIPerInterpreterGIL Off`" in last, last
    caught = host.serve("importing_badly", group="shared", environ={"MODULE": "only_one"}).logged(ERROR)
    assert caught.splitlines()[-1].startswith("ValueError: a wrapped reason; ") and REMEDY in caught, caught
    other = host.serve("importing", group="shared", environ={"MODULE": "no_such_module"}).logged(ERROR)
    assert "ModuleNotFoundError" in other and REMEDY not in other, other
    finish()


main()
