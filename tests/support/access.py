"""What tests of access, authentication and authorisation need: where a script runs, credentials, and its environ.

Each scenario runs in both places: in the httpd child, and by `process-group=` in a daemon group, where nothing else runs.
"""

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path

GROUP = "guard"
# The places by name: what is written before the configuration, and what is added to a script's directive.
PLACES = {
    "child": ("", ""),
    "group": (f"WSGIDaemonProcess {GROUP} threads=4\n", f" process-group={GROUP}"),
}

# Keeps what a script was asked: `asked(environ, *words)` writes it below the server's folder for `asked_of`.
RECORD = """
import json, os
def asked(environ, *words):
    root = os.path.dirname(environ["DOCUMENT_ROOT"])
    plain = {key: value if isinstance(value, (str, list, tuple)) else repr(type(value)) for key, value in environ.items()}
    with open(os.path.join(root, "data", "asked.new"), "w") as file:
        json.dump({"environ": plain, "words": words}, file)
    os.replace(os.path.join(root, "data", "asked.new"), os.path.join(root, "data", "asked.json"))
"""


def location(path, *lines):
    """A section for a URL."""
    body = "\n    ".join(lines)
    return f"<Location {path}>\n    {body}\n</Location>\n"


def asked_of(server):
    """The environ and the further arguments that RECORD has kept."""
    found = json.loads((server.root / "data" / "asked.json").read_text())
    return found["environ"], found["words"]


def basic(user, password):
    """The header of Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode("latin-1")).decode()}


def _md5(text):
    return hashlib.md5(text.encode("latin-1")).hexdigest()


def realm_hash(user, realm, password):
    """What a script answers for Digest authentication."""
    return _md5(f"{user}:{realm}:{password}")


def digest(server, path, user, password):
    """A GET with Digest authentication: the challenge is answered, unless there is none."""
    first = server.get(path)
    if first.status != 401:
        return first
    challenge = dict(re.findall(r'(\w+)="?([^",]+)"?', first.header("WWW-Authenticate").partition(" ")[2]))
    realm, nonce = challenge["realm"], challenge["nonce"]
    tail = f"{nonce}:00000001:abcdef:auth:{_md5(f'GET:{path}')}"
    fields = (f'username="{user}", realm="{realm}", nonce="{nonce}", uri="{path}", qop=auth, nc=00000001, cnonce="abcdef", '
              f'algorithm=MD5, response="{_md5(realm_hash(user, realm, password) + ":" + tail)}"')
    return server.get(path, {"Authorization": f"Digest {fields}"})


def certificate(folder):
    """A self-signed certificate for localhost and its key."""
    certificate, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


def add_page(server, name="page.html", text="the page"):
    """A static file to protect."""
    server.write(f"htdocs/{name}", text)
