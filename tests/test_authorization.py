"""Authorization and Proxy-Authorization: hidden from the application unless the configuration passes them on."""

import pytest
from support.environ import variables

BOTH = {"Authorization": "Basic dTpw", "Proxy-Authorization": "Basic cDpw"}


@pytest.mark.parametrize("lines, seen", [
    ("", set()),
    ("WSGIPassAuthorization Off", set()),
    ("WSGIPassAuthorization On", {"HTTP_AUTHORIZATION"}),
    ("CGIPassAuth On", {"HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION"}),
    ("CGIPassAuth On\nWSGIPassAuthorization Off", {"HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION"}),
    ("SetEnvIf Authorization (.*) HTTP_AUTHORIZATION=$1", {"HTTP_AUTHORIZATION"}),
    ("RewriteEngine On\nRewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]", {"HTTP_AUTHORIZATION"}),
])
def test_passed(serve, mode, lines, seen):
    server = serve(f"WSGIScriptAlias / ${{APPS}}/environ.py\n<Location />\n{lines}\n</Location>\n", mode)
    values = variables(server.get("/", BOTH))
    assert {name for name in values if name.endswith("AUTHORIZATION")} == seen
    if "HTTP_AUTHORIZATION" in seen:
        assert values["HTTP_AUTHORIZATION"] == "Basic dTpw"
    if "HTTP_PROXY_AUTHORIZATION" in seen:
        assert values["HTTP_PROXY_AUTHORIZATION"] == "Basic cDpw"


def test_user_of_httpd(serve, mode):
    conf = ("WSGIScriptAlias / ${APPS}/environ.py\n<Location />\nAuthType Basic\nAuthName here\nAuthUserFile ${ROOT}/users\n"
            "Require valid-user\n</Location>\n")
    server = serve(conf, mode, files={"users": "u:{SHA}UWuXg/ylF+7L0dBk2i0WUxCxl1k=\n"})  # the password is `p`
    assert server.get("/").status == 401
    values = variables(server.get("/", {"Authorization": "Basic dTpw"}))
    assert (values["REMOTE_USER"], values["AUTH_TYPE"]) == ("u", "Basic")
    assert "HTTP_AUTHORIZATION" not in values


def test_an_empty_or_missing_header(serve, mode):
    server = serve("WSGIScriptAlias / ${APPS}/environ.py\nWSGIPassAuthorization On\n", mode)
    assert "HTTP_AUTHORIZATION" not in variables(server.get("/"))
    assert variables(server.get("/", {"Authorization": ""}))["HTTP_AUTHORIZATION"] == ""
