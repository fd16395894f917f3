"""WSGI scripts below wsgiref's validator, which raises on every breach of PEP 3333."""

TEXT = '''"""{path} below wsgiref's validator."""
import importlib.util
import sys
from wsgiref.validate import validator
spec = importlib.util.spec_from_file_location("validated_{stem}", {path!r})
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
{more}application = validator({application})
'''

# The validator wants a size for every read. Werkzeug reads without, as PEP 3333 allows: what it says of it is no news.
SIZED = '''

class Sized:
    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __iter__(self):
        return iter(self.stream)

    def read(self, size=-1):
        return self.stream.read(size)

    def readline(self, size=-1):
        return self.stream.readline(size)


def sized(application):
    return lambda environ, start_response: application({**environ, "wsgi.input": Sized(environ["wsgi.input"])}, start_response)

'''

# What the validator says in the log: its errors, and that an iterator was never closed.
COMPLAINTS = ("AssertionError", "garbage collected without being closed")


def script(path, sized=False):
    """The text of a script that serves another one's application below the validator; `sized`: it may read without a size."""
    more, application = (SIZED, "sized(module.application)") if sized else ("", "module.application")
    return TEXT.format(path=str(path), stem=path.stem, more=more, application=application)


def check(log):
    """Fails if the validator has complained."""
    assert not any(complaint in log for complaint in COMPLAINTS), log
