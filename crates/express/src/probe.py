"""What mod_wsgi-express asks a Python: what it is, whether a module can be found, and which locale suits it.

Arguments: the dotted name of the module or nothing, then folders for sys.path. Answers in JSON. Packages are searched
for the module, not imported; and neither is anything of the working directory, for this may run as root.
"""

import sys

here = sys.path.pop(0) if sys.path[:1] == [""] else None

import importlib.machinery
import json
import locale
import sysconfig


def is_there(name):
    """Whether a module can be found; built-in ones count, and of what no path finder knows nothing is said."""
    path, parts = None, name.split(".")
    for depth, part in enumerate(parts):
        if depth == 0 and part in sys.builtin_module_names:
            return True
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[: depth + 1]), path)
        if spec is None:
            # Packages that were installed editable may have finders of their own.
            return depth == 0 and any(finder.find_spec(part, None) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        path = spec.submodule_search_locations
    return True


def suitable():
    """The locale of the environment; where that is C or POSIX, one with UTF-8."""
    try:
        current = locale.setlocale(locale.LC_CTYPE, "")
    except locale.Error:
        current = "C"
    if current not in ("C", "POSIX"):
        return current
    for name in ("en_US.UTF-8", "C.UTF-8"):
        try:
            return locale.setlocale(locale.LC_CTYPE, name)
        except locale.Error:
            pass
    return current


module, folders = sys.argv[1], sys.argv[2:]
answer = {
    "prefix": sys.prefix,
    "version": sys.version_info[:2],
    "has_lock": not sysconfig.get_config_var("Py_GIL_DISABLED"),
    "locale": suitable(),
}
sys.path[:0] = folders if here is None else [*folders, here]  # last: what Python needs itself has been imported
answer["has_module"] = is_there(module) if module else True
print(json.dumps(answer))
