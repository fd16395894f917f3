"""The smoke application in Flask."""

import hashlib
from pathlib import Path

from flask import Flask, redirect, request, send_file, session, stream_with_context, url_for

application = app = Flask(__name__)
app.secret_key = "only for tests"
torn_down = []


@app.teardown_request
def note_teardown(error):
    torn_down.append(type(error).__name__)
    del torn_down[:-5]


@app.get("/")
def index():
    return f"Flask at {request.script_root}, form at {url_for('form')}"


@app.get("/greet/<name>")
def greet(name):
    return f"Hello {name} × {request.args.get('times', '1')}"


@app.post("/form")
def form():
    return request.form["name"]


@app.post("/upload")
def upload():
    file = request.files["file"]
    content = file.read()
    return f"{file.filename} {len(content)} {hashlib.sha256(content).hexdigest()}"


@app.get("/download")
def download():
    return send_file(Path(__file__).with_name("download.bin"), mimetype="application/octet-stream")


@app.get("/stream")
def stream():
    return app.response_class(stream_with_context(f"{request.args['of']} {n}\n" for n in range(3)), mimetype="text/plain")


@app.get("/json")
def json():
    return {"name": "Grüße", "numbers": [1, 2]}


@app.post("/login")
def login():
    session["user"] = request.form["name"]
    return redirect(url_for("whoami"))


@app.get("/whoami")
def whoami():
    return session.get("user", "nobody")


@app.get("/boom")
def boom():
    raise RuntimeError("boom in Flask")


@app.get("/torn-down")
def which():
    return " ".join(torn_down)
