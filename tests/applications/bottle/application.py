"""The smoke application in Bottle."""

import hashlib
from pathlib import Path

from bottle import Bottle, redirect, request, response, static_file

application = app = Bottle()
KEY = "only for tests"


@app.get("/")
def index():
    return f"Bottle at {request.environ['SCRIPT_NAME']}, form at {app.get_url('form')}"


@app.get("/greet/<name>")
def greet(name):
    return f"Hello {name} × {request.query.getunicode('times', '1')}"


@app.post("/form", name="form")
def form():
    return request.forms.getunicode("name")


@app.post("/upload")
def upload():
    file = request.files.get("file")
    content = file.file.read()
    return f"{file.raw_filename} {len(content)} {hashlib.sha256(content).hexdigest()}"


@app.get("/download")
def download():
    return static_file("download.bin", root=Path(__file__).parent, mimetype="application/octet-stream")


@app.get("/stream")
def stream():
    of = request.query["of"]
    for number in range(3):
        yield f"{of} {number}\n"


@app.get("/json")
def json():
    return {"name": "Grüße", "numbers": [1, 2]}


@app.post("/login")
def login():
    response.set_cookie("user", request.forms.getunicode("name"), secret=KEY)
    redirect(request.script_name.rstrip("/") + "/whoami")


@app.get("/whoami")
def whoami():
    return request.get_cookie("user", secret=KEY) or "nobody"


@app.get("/boom")
def boom():
    raise RuntimeError("boom in Bottle")
