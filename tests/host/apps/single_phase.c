/* An extension module of the old kind (single-phase initialisation), which CPython refuses in an interpreter with a GIL of its own. */
#include <Python.h>

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "single_phase", NULL, -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_single_phase(void) { return PyModule_Create(&definition); }
