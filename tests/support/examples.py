"""Configurations as documents and conf-examples/ show them, moved into a server's folder: with an application at every
script, an environment at every home, a certificate at its place, and users and ports that there are here."""

import os
import re
import subprocess

from . import httpd

ANSWERS = '"""Stands for the application."""\n' + (httpd.REPOSITORY / "tests/apps/environ.py").read_text().split("\n", 1)[1]
PLACES = r"/(srv/[\w./-]+|etc/(?:ssl|letsencrypt|site)/[\w./-]+|var/log/[\w./-]+|run/[\w./-]+)"


def exchange(text, tls=0):
    """The same configuration, with places below ${ROOT}, ports that are free, and accounts that exist."""
    for found in set(re.findall(r"\buser=(\w+)(?: group=(\w+))?", text)):
        mine = f"user={found[0]}" + (f" group={found[1]}" if found[1] else "")
        theirs = "user=nobody group=nogroup" if found[0] == "blog" else "user=daemon group=daemon"
        text = text.replace(mine, theirs if os.geteuid() == 0 else "")
    text = re.sub(r"(?<![\w}.])" + PLACES, r"${ROOT}/\1", text)
    text = re.sub(r"\^\$\{ROOT\}", "${ROOT}", text)
    return text.replace("*:80>", "*:${PORT}>").replace("*:443>", f"*:{tls}>")


def prepare(serve, text, tls=0, modules=(), files=()):
    """The server of an example, not started."""
    moved = exchange(text, tls)
    if tls:
        moved, modules = f"Listen 127.0.0.1:{tls} https\n" + moved, ["ssl", "socache_shmcb", *modules]
    scripts = set(re.findall(r"\$\{ROOT\}/(srv/\S+\.py)", moved)) | {f"srv/sites/{user}/wsgi.py" for user in ("ada", "bob") if "$1" in moved}
    made = {script: ANSWERS for script in scripts if "$" not in script}
    made |= {f"{place}/x": "" for place in re.findall(r"(?:ErrorLog|CustomLog) \$\{ROOT\}/((?:srv/\w+/logs|var/log/\w+))/", moved)}
    made |= dict(files)
    server = serve(moved, run=False, modules=modules, files=made)
    for folder in re.findall(r"\$\{ROOT\}/((?:srv|var)/[\w/-]+)(?![\w./-])", moved):
        (server.root / folder).mkdir(parents=True, exist_ok=True)
    for home in set(re.findall(r"(?:python-home=|WSGIPythonHome )\$\{ROOT\}/(srv/[\w./-]+)", moved)):
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", server.root / home], check=True)
    certify(server, moved)
    return server


def certify(server, text):
    """A certificate, for this machine's eyes only, where the configuration has one."""
    names = {key: re.search(rf"^\s*SSLCertificate{key} \$\{{ROOT\}}/(\S+)", text, re.M) for key in ("File", "KeyFile")}
    if not all(names.values()):
        return None
    places = {key: server.root / found[1] for key, found in names.items()}
    for place in places.values():
        place.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop.example.com",
                    "-keyout", places["KeyFile"], "-out", places["File"]], check=True, capture_output=True)
    return places["File"]
