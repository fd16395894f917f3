"""`httpd -t`: pages of wsgi-status and wsgi-metrics that everybody may see, and those that something may guard."""

import pytest
from support import doctor

pytestmark = pytest.mark.ours

STATUS = "<Location {path}>\nSetHandler {handler}\n{own}\n</Location>\n"


def page(serve, own="", more="", *, path="/wsgi-status", handler="wsgi-status", listens="Listen 0.0.0.0:"):
    """A server that can be reached from everywhere, not started, with a page of ours and what else is said."""
    server = serve(STATUS.format(path=path, handler=handler, own=own) + more, run=False, modules=["access_compat"])
    server.reconfigure("Listen 127.0.0.1:", listens)
    return server


@pytest.mark.parametrize("handler, shown", [("wsgi-status", "tracebacks and the paths"), ("wsgi-metrics", "what the process groups do")])
def test_a_status_page_for_everybody(serve, handler, shown):
    server = page(serve, handler=handler)
    finding = doctor.only(server)
    assert f"/wsgi-status has no Require of its own, so whoever may see the site sees {shown}" in finding["what"]
    assert finding["directive"] == f"SetHandler {handler}" and finding["file"] == str(server.conf)
    assert server.conf.read_text().splitlines()[finding["line"] - 1] == f"SetHandler {handler}"
    assert server.start().get("/wsgi-status").status == 200, "it is as open as was said"


@pytest.mark.parametrize("own, more", [
    ("Require all granted", ""),
    ("Require all granted", "<Directory ${ROOT}/private>\nRequire all denied\n</Directory>\n"),
    ("Require all granted", "<Location /other>\nRequire ip 192.0.2.1\n</Location>\n")])
def test_a_status_page_that_lets_everybody_in(serve, own, more):
    assert "/wsgi-status lets everybody see tracebacks" in doctor.only(page(serve, own, more))["what"]


def test_a_status_page_of_a_virtual_host(serve):
    hosts = "<VirtualHost *:80>\n{}</VirtualHost>\n<VirtualHost *:80>\nServerName other\n<Location />\nRequire local\n</Location>\n</VirtualHost>\n"
    open_one = serve(hosts.format(STATUS.format(path='"/wsgi-status"', handler="wsgi-status", own="")), run=False)
    open_one.reconfigure("Listen 127.0.0.1:", "Listen *:")
    assert doctor.only(open_one)["what"].startswith("/wsgi-status has no Require")
    assert doctor.examine(page(serve, more=hosts.format(""))) == ([], 0), "the other host guards it; which one is asked is not known"


@pytest.mark.parametrize("own, more, settings", [
    ("Require local", "", {}),
    ("<RequireAny>\nRequire local\nRequire ip 192.0.2.1\n</RequireAny>", "", {}),
    ("<Limit GET>\nRequire local\n</Limit>", "", {}),
    ("Order deny,allow\nDeny from all", "", {}),
    ("AuthMerging And", "", {}),
    ("Require all granted", "", {"handler": "wsgi-metrics"}),
    ("", "", {"listens": "Listen 127.0.0.1:"}),
    ("", "", {"path": "~ ^/wsgi-(status|metrics)"}),
    ("", "<Location />\nRequire local\n</Location>\n", {}),
    ("Require all granted", "<LocationMatch ^/wsgi>\nRequire local\n</LocationMatch>\n", {}),
    ("", '<If "%{REMOTE_ADDR} != \'127.0.0.1\'">\nRequire all denied\n</If>\n', {}),
    ("", "<Directory ${ROOT}/htdocs>\nRequire ip 192.0.2.1\n</Directory>\n", {}),
    ("", "RewriteEngine On\nRewriteRule ^/wsgi-status - [R=404]\n", {}),
    ("", "RewriteEngine On\nRewriteCond %{REMOTE_ADDR} !^127\nRewriteRule ^ - [F]\n", {})])
def test_a_status_page_that_may_be_guarded(serve, own, more, settings):
    assert doctor.examine(page(serve, own, more, **settings)) == ([], 0)
