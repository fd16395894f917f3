"""What is on disk for slow clients: the unlinked files that httpd's children have open."""

import os


def files(server, folder=None):
    """The status of each of them, maybe only of those in one folder."""
    found = []
    for pid in server.httpd_children():
        try:
            numbers = os.listdir(f"/proc/{pid}/fd")
        except FileNotFoundError:
            continue
        for number in numbers:
            path = f"/proc/{pid}/fd/{number}"
            try:
                target, status = os.readlink(path), os.stat(path)
            except FileNotFoundError:
                continue
            if target.endswith(" (deleted)") and status.st_nlink == 0 and target.startswith(f"{folder or ''}/"):
                found.append(status)
    return found


def size(server, folder):
    """How many bytes they hold, in blocks of the disk."""
    return sum(status.st_blocks * 512 for status in files(server, folder))
