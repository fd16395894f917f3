"""What is in a process: its memory, its mapped files, its descriptors, its environment. For root, without ptrace."""

import os
import re
import subprocess
from pathlib import Path

PIECE = 16 << 20


def mappings(pid):
    """Each mapping as (start, end, permissions, file)."""
    for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        words = line.split(None, 5)
        start, end = (int(number, 16) for number in words[0].split("-"))
        yield start, end, words[1], words[5] if len(words) == 6 else ""


def found(pid, needles):
    """The names of those of `needles` (name: bytes) that are anywhere in the readable memory of a process."""
    seen = set()
    keep = max(map(len, needles.values()))
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, permissions, file in mappings(pid):
            if "r" not in permissions or file in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                continue
            tail = b""
            for at in range(start, end, PIECE):
                try:
                    memory.seek(at)
                    piece = tail + memory.read(min(PIECE, end - at))
                except OSError:  # a page behind the end of a file, or unmapped meanwhile
                    break
                seen |= {name for name, needle in needles.items() if needle in piece}
                tail = piece[-keep:]
    return seen


def environment(pid):
    """The environment that a process was started with."""
    pairs = (entry.partition(b"=") for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if entry)
    return {name.decode(): value for name, _, value in pairs}


def descriptors(pid):
    """What the open descriptors of a process lead to, by number; unix sockets as `unix TYPE NAME`, others as `socket`."""
    sockets = {}
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        words = line.split()
        kind = {"0001": "stream", "0002": "datagram", "0005": "seqpacket"}[words[4]]
        sockets[f"socket:[{words[6]}]"] = " ".join(["unix", kind, *words[7:]])
    listing = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            continue  # closed meanwhile
        listing[int(number)] = sockets.get(target, re.sub(r":\[\d+\]$", "", target))
    return listing


def dumpable(pid):
    """Whether processes of the same user may look into it and core files be written: /proc then belongs to that user."""
    return os.stat(f"/proc/{pid}/environ").st_uid == os.stat(f"/proc/{pid}").st_uid != 0


def rsa_key(file, certificate, bits=2048):
    """Makes an RSA key with a certificate. The secret parts by name, in the forms in which a process may hold them."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", f"rsa:{bits}", "-nodes", "-days", "2", "-subj", "/CN=secure.example.com",
                    "-out", certificate, "-keyout", file], check=True, capture_output=True)
    der = subprocess.run(["openssl", "rsa", "-in", file, "-traditional", "-outform", "DER"], check=True, capture_output=True).stdout
    _, _, _, d, p, q, *_ = integers(der)
    needles = {}
    for name, number in [("exponent", d), ("prime p", p), ("prime q", q)]:
        plain = number.to_bytes((number.bit_length() + 7) // 8, "big")
        needles |= {name: plain, f"{name}, as numbers of OpenSSL are stored": plain[::-1]}
    # The first half of the text is the modulus, which is public.
    lines = file.read_bytes().splitlines()[1:-1]
    return needles | {f"PEM line {at}": line for at, line in enumerate(lines) if at > len(lines) / 2 and len(line) == 64}


def integers(der):
    """The numbers of a DER sequence of integers."""

    def element(text):
        length, at = text[1], 2
        if length & 0x80:
            at += length & 0x7F
            length = int.from_bytes(text[2:at], "big")
        return text[at:at + length], text[at + length:]

    rest, _ = element(der)
    numbers = []
    while rest:
        body, rest = element(rest)
        numbers.append(int.from_bytes(body, "big"))
    return numbers
