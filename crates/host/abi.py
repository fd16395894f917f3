"""Writes what pyo3's build needs to know of the Python that runs this to a file, and prints its suffix of extension modules.

For a host library of one version and build alone (`make host`); the other one, under the stable ABI, needs no Python.
"""

import struct
import sys
import sysconfig

FLAGS = ("Py_DEBUG", "Py_REF_DEBUG", "Py_TRACE_REFS", "Py_GIL_DISABLED")

if sys.implementation.name != "cpython" or sys.version_info < (3, 10):
    sys.exit(f"{sys.executable} is {sys.implementation.name} {sys.version.split()[0]}: the host needs CPython from 3.10 on")
flags = [name for name in FLAGS if sysconfig.get_config_var(name)]
with open(sys.argv[1], "w", encoding="ascii") as file:
    file.write(f"implementation=CPython\nversion={sys.version_info[0]}.{sys.version_info[1]}\nshared=true\n"
               f"pointer_width={struct.calcsize('P') * 8}\nbuild_flags={','.join(flags)}\n")
print(sysconfig.get_config_var("EXT_SUFFIX"))
