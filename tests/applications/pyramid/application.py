"""The smoke application in Pyramid."""

import hashlib
from pathlib import Path

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound
from pyramid.response import FileResponse, Response
from pyramid.session import SignedCookieSessionFactory


def index(request):
    return Response(f"Pyramid at {request.script_name}, form at {request.route_path('form')}")


def greet(request):
    return Response(f"Hello {request.matchdict['name']} × {request.params.get('times', '1')}")


def form(request):
    return Response(request.POST["name"])


def upload(request):
    file = request.POST["file"]
    content = file.file.read()
    return Response(f"{file.filename} {len(content)} {hashlib.sha256(content).hexdigest()}")


def download(request):
    path = Path(__file__).with_name("download.bin")
    return FileResponse(path, request=request, content_type="application/octet-stream")


def stream(request):
    of = request.params["of"]
    return Response(app_iter=(f"{of} {number}\n".encode() for number in range(3)), content_type="text/plain")


def json(_):
    return {"name": "Grüße", "numbers": [1, 2]}


def login(request):
    request.session["user"] = request.POST["name"]
    return HTTPFound(request.route_path("whoami"))


def whoami(request):
    return Response(request.session.get("user", "nobody"))


def boom(_):
    raise RuntimeError("boom in Pyramid")


def make():
    """The WSGI application."""
    with Configurator(session_factory=SignedCookieSessionFactory("only for tests")) as config:
        for view in (index, form, upload, download, stream, login, whoami, boom):
            method = "POST" if view in (form, upload, login) else None
            config.add_route(view.__name__, "/" if view is index else f"/{view.__name__}", request_method=method)
            config.add_view(view, route_name=view.__name__)
        config.add_route("greet", "/greet/{name}")
        config.add_view(greet, route_name="greet")
        config.add_route("json", "/json")
        config.add_view(json, route_name="json", renderer="json")
        return config.make_wsgi_app()


application = make()
