"""A site with an application of many moods, and its status in all forms."""

import json

from .processes import wait_until

APPLICATION = '''
import os, time
DATA = os.environ["MOD_WSGI_TEST"] + "/data/"

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/wait"):
        end = time.monotonic() + 60
        while not os.path.exists(DATA + "go") and time.monotonic() < end:
            time.sleep(0.02)
    if path == "/raise":
        raise RuntimeError("a <b>failure</b> & its reason")
    if path == "/late":
        start_response("200 OK", [])
        raise RuntimeError("after start_response")
    body = environ["wsgi.input"].read()
    status = "404 Not Found" if path == "/missing" else "200 OK"
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]
'''

CONFIGURATION = """
SetEnv MOD_WSGI_TEST_DATA ${ROOT}/data
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias / ${ROOT}/htdocs/site.wsgi
<Location /wsgi-status>
    SetHandler wsgi-status
    Require local
</Location>
<Location /wsgi-metrics>
    SetHandler wsgi-metrics
    Require local
</Location>
"""


class Site:
    """A server with the application and its status."""

    def __init__(self, serve, mode, options="processes=1 threads=4", more="", application=APPLICATION, **settings):
        self.server = serve(CONFIGURATION + more, mode, options, files={"htdocs/site.wsgi": application}, **settings)
        self.mode = mode

    def status(self):
        """The document."""
        response = self.server.get("/wsgi-status?format=json")
        assert response.status == 200, response.text
        return json.loads(response.body)

    def group(self):
        """The process group, or what embedded mode has instead."""
        found = self.status()
        return found["groups"][0] if self.mode == "daemon" else found["embedded"]

    def counted(self, number):
        """The requests of the group, once there are so many (they are counted when they are over, and answered)."""
        return wait_until(lambda: (found := self.group()["requests"])["total"] >= number and found, 20, "the count")

    def page(self, query="", headers=()):
        """The page."""
        return self.server.get("/wsgi-status" + query, headers)

    def release(self):
        """Lets all requests for /wait go on."""
        self.server.write("data/go", "")

    def until(self, condition, what, timeout=20):
        """Waits until the group fulfils a condition, and returns it."""
        return wait_until(lambda: (found := self.group()) and condition(found) and found, timeout, what)
