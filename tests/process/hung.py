"""A file system that answers nobody, as that of a network server that is gone."""

import contextlib
import ctypes
import os

import pytest

LIBC = ctypes.CDLL(None, use_errno=True)
DETACH = 2


@contextlib.contextmanager
def hung(folder):
    """Whoever looks at something in `folder` waits until the end of this; then it fails. Skips where it cannot be had."""
    try:
        answers = os.open("/dev/fuse", os.O_RDWR)  # that this process never gives
    except OSError:
        pytest.skip("NO FILE SYSTEM CAN HANG HERE: there is no /dev/fuse")
    options = f"fd={answers},rootmode=40000,user_id={os.geteuid()},group_id={os.getegid()}"
    mounted = LIBC.mount(b"hung", os.fsencode(folder), b"fuse", 0, options.encode()) == 0
    try:
        if not mounted:
            pytest.skip(f"NO FILE SYSTEM CAN HANG HERE: {os.strerror(ctypes.get_errno())}")
        yield
    finally:
        os.close(answers)
        if mounted:
            LIBC.umount2(os.fsencode(folder), DETACH)
