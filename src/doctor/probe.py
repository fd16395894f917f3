"""Runs in the interpreter of a process group, as its user: says what Python it is, and what its scripts look like.

In: one JSON object, {"scripts": [path …], "folders": [folder …], "home": folder or null, "modules": [name …]}. Out: one JSON object.
Nothing of the application is executed, no module of its folders is imported, and nothing is written. Syntax as of Python 3.6, for those that
are too old.
"""

import sys

sys.dont_write_bytecode = True


def binds(tree):
    """The names that a module binds at its top level; None if code decides that."""
    import ast

    names, dynamic = set(), False
    work = list(tree.body)
    while work:
        node = work.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                dynamic |= alias.name == "*"
                names.add(alias.asname or alias.name.split(".")[0])
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif type(node).__name__ in ("MatchAs", "MatchStar") and node.name:
            names.add(node.name)
        elif type(node).__name__ == "MatchMapping" and node.rest:
            names.add(node.rest)
        work.extend(ast.iter_child_nodes(node))
    wild = {"globals", "locals", "vars", "exec", "eval", "execfile", "setattr", "modules", "__dict__"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            names.update(node.names)
        used = getattr(node, "id", None) or getattr(node, "attr", None)
        dynamic |= used in wild
    return None if dynamic or "__getattr__" in names else sorted(names)


def look(path):
    """What is the matter with a script: where and what; else what it defines."""
    import ast
    import warnings

    try:
        with open(path, "rb") as file:
            source = file.read(16 << 20)
    except OSError as error:
        return {"unreadable": error.strerror or str(error)}
    warnings.simplefilter("ignore")
    try:
        tree = compile(source, path, "exec", ast.PyCF_ONLY_AST, True)
        compile(source, path, "exec", 0, True)
    except SyntaxError as error:
        line, column = error.lineno, error.offset
        return {"line": line, "column": column, "message": "%s: %s" % (type(error).__name__, error.msg)}
    except Exception as error:  # a NUL, or nested too deeply
        return {"line": None, "column": None, "message": "%s: %s" % (type(error).__name__, error)}
    return {"binds": binds(tree)}


def installed(modules, folders, home):
    """Those of the modules that are in the folders, or among the packages of a virtual environment.

    What the system has installed is there for many reasons, and says nothing about the application.
    """
    import os
    import sysconfig

    places = list(folders)
    if home and os.path.exists(os.path.join(home, "pyvenv.cfg")):
        variables = {"base": home, "platbase": home}
        places += [sysconfig.get_path(name, "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix", variables)
                   for name in ("purelib", "platlib")]
    return [name for name in modules if any(os.path.isdir(os.path.join(place, name)) for place in places)]


def main():
    import json
    import sysconfig

    wanted = json.loads(sys.stdin.read())
    answer = {
        "version": list(sys.version_info[:3]),
        "implementation": sys.implementation.name,
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "installed": installed(wanted["modules"], wanted["folders"], wanted["home"]),
        "scripts": [look(path) for path in wanted["scripts"]],
    }
    sys.stdout.write(json.dumps(answer))


main()
