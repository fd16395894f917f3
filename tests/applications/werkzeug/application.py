"""The smoke application in Werkzeug alone, its debugger off, below the middleware that sites put in front."""

import hashlib
import json as codec
from pathlib import Path

from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.middleware.shared_data import SharedDataMiddleware
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

HERE = Path(__file__).parent
POSTED = ("form", "upload", "login")


def index(request, pages):
    return Response(f"Werkzeug at {request.root_path}, form at {pages.build('form', method='POST')}")


def greet(request, _, name):
    return Response(f"Hello {name} × {request.args.get('times', '1')}")


def form(request, _):
    return Response(request.form["name"])


def upload(request, _):
    file = request.files["file"]
    content = file.read()
    return Response(f"{file.filename} {len(content)} {hashlib.sha256(content).hexdigest()}")


def stream(request, _):
    of = request.args["of"]
    return Response((f"{of} {number}\n" for number in range(3)), mimetype="text/plain")


def json(*_):
    return Response(codec.dumps({"name": "Grüße", "numbers": [1, 2]}), mimetype="application/json")


def login(request, pages):
    response = redirect(pages.build("whoami"))
    response.set_cookie("user", request.form["name"])
    return response


def whoami(request, _):
    return Response(request.cookies.get("user", "nobody"))


def boom(*_):
    raise RuntimeError("boom in Werkzeug")


VIEWS = {view.__name__: view for view in (index, greet, form, upload, stream, json, login, whoami, boom)}
PATHS = {"index": "/", "greet": "/greet/<name>"}
PAGES = Map([Rule(PATHS.get(name, f"/{name}"), endpoint=name, methods=["POST" if name in POSTED else "GET"]) for name in VIEWS])


@Request.application
def site(request):
    """Finds the view and calls it."""
    pages = PAGES.bind_to_environ(request.environ)
    try:
        name, arguments = pages.match()
        return VIEWS[name](request, pages, **arguments)
    except HTTPException as refusal:
        return refusal


application = ProxyFix(SharedDataMiddleware(site, {"/download": str(HERE / "download.bin")}), x_for=1)
