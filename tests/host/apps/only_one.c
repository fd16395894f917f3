/* An extension module that minds its interpreter, as those that Cython generates do: the first one that imports it has it. */
#include <Python.h>

static PyInterpreterState *first;

static int on_exec(PyObject *module) {
    PyInterpreterState *here = PyInterpreterState_Get();
    (void)module;
    if (!first) first = here;
    if (first == here) return 0;
    PyErr_SetString(PyExc_ImportError,
                    "Interpreter change detected - this module can only be loaded into one interpreter per process.");
    return -1;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, on_exec}, {0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "only_one", NULL, 0, NULL, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_only_one(void) { return PyModuleDef_Init(&definition); }
