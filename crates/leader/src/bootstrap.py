# What an interpreter runs to become a worker, given with -c: finds the host and hands over. Any Python must be able to read it.
import sys
if sys.path[:1] == [""]: del sys.path[0]
def start(host):
    sys.argv = ["mod_wsgi"]
    del sys.modules["__main__"].start
    try:
        if sys.version_info < (3, 10):
            raise ImportError("it is older than Python 3.10")
        import os
        from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
        if host.endswith(".abi3.so"):
            own = host[:-len(".abi3.so")] + EXTENSION_SUFFIXES[0]  # for this version and build alone
            if os.path.exists(own):
                host = own
            elif "t" in sys.abiflags:
                raise ImportError("it is free-threaded, which needs a library of its own, %s (`make host PYTHON=%s` builds it)" % (own, sys.executable))
        loader = ExtensionFileLoader("mod_wsgi_host", host)
        module = loader.create_module(ModuleSpec("mod_wsgi_host", loader, origin=host))
        loader.exec_module(module)
    except BaseException:
        import json, os
        reason = "the interpreter %s (Python %s) cannot run mod_wsgi's %s: %s; set python-home of WSGIDaemonProcess to a Python from 3.10 on for this machine that may read this file, or install all parts of mod_wsgi from one build" % (
            sys.executable, sys.version.split()[0], host, sys.exc_info()[1])
        os.write(3, json.dumps({"Failed": {"reason": reason}}).encode())
        os._exit(1)
    module.run()
start(sys.argv[1])
