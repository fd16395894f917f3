"""Options of WSGIDaemonProcess that do not go together: what is refused, what is only said, and what is left alone."""

import pytest
from support import doctor

pytestmark = pytest.mark.ours

USED = "\nWSGIScriptAlias / ${APPS}/hello.py process-group=app application-group=%{GLOBAL}\n"
SERVICE = "\nWSGIImportScript ${ROOT}/service.py process-group=app application-group=%{GLOBAL}\n"

# Each: the options, and words of what is wrong and of what to write.
REFUSED = {
    "stacks larger than the address space": ("threads=15 virtual-memory-limit=100M", "stacks of the threads", "raise virtual-memory-limit"),
    "stacks that were asked for": ("threads=4 stack-size=64M virtual-memory-limit=200M", "stacks of the threads", "stack-size"),
    "memory without its unit": ("memory-limit=512", "less than any Python needs", "memory-limit=512M"),
}
SAID = {
    "interrupt-timeout alone": ("interrupt-timeout=5", "nothing comes of interrupt-timeout without request-timeout", "set request-timeout"),
    "memory beyond the address space": ("memory-limit=4G virtual-memory-limit=3G", "memory-limit is never met", "virtual-memory-limit the larger"),
    "age before idleness": ("restart-interval=60 inactivity-timeout=90", "inactivity-timeout is never met", "restart-interval the longer"),
    "a deadlock of a second": ("deadlock-timeout=1", "deadlock-timeout is too short", "deadlock-timeout=3"),
    "no time to shut down": ("cpu-time-limit=60 shutdown-timeout=0", "one second", "set shutdown-timeout"),
    "LANG twice": ("lang=C.UTF-8 env=LANG=C", "lang wins", "remove one"),
    "LC_ALL twice": ("locale=C.UTF-8 env=LC_ALL=C", "locale wins", "remove one"),
}


def where(server, finding):
    """Whether a finding names group, file and line."""
    number = next(at for at, line in enumerate(server.text.splitlines(), 1) if line.startswith("WSGIDaemonProcess"))
    assert (finding["group"], finding["file"], finding["line"]) == ("app", str(server.conf), number)
    assert finding["text"].startswith(f"the process group `app` at line {number} of {server.conf}: ")


@pytest.mark.parametrize("case", REFUSED)
def test_refused(serve, case):
    options, wrong, remedy = REFUSED[case]
    server = serve(f"WSGIDaemonProcess app {options}{USED}", run=False)
    finding = doctor.only(server, "error")
    where(server, finding)
    assert wrong in finding["what"] and remedy in finding["remedy"], finding
    with pytest.raises(AssertionError, match="httpd ended with 1"):
        server.start()
    assert finding["text"] in server.log(name="console") + server.log(), "a start says the same"


@pytest.mark.parametrize("case", SAID)
def test_said_and_served(serve, case):
    """What mod_wsgi accepts starts here, too."""
    options, wrong, remedy = SAID[case]
    server = serve(f"WSGIDaemonProcess app {options}{USED}", run=False)
    finding = doctor.only(server)
    where(server, finding)
    assert wrong in finding["what"] and remedy in finding["remedy"], finding
    server.start()
    assert server.get("/").body == b"Hello, world!"
    assert server.log().count(finding["text"]) == 1, "once, in the error log"


def test_a_hint(serve):
    server = serve(f"WSGIDaemonProcess app socket-timeout=5 request-timeout=60{USED}", run=False)
    assert "504" in doctor.only(server, "hint")["what"]


def test_services_take_no_requests(serve):
    server = serve(f"WSGIDaemonProcess app threads=0 maximum-requests=5 request-timeout=9 script-user=root{SERVICE}",
                   run=False, files={"service.py": "import time\ntime.sleep(600)\n"})
    finding = doctor.only(server)
    assert finding["what"].startswith("nothing comes of maximum-requests, request-timeout and script-user beside threads=0")
    server.start()
    server.wait_for_log("Starting process")


@pytest.mark.parametrize("options", [
    "processes=2 threads=5 maximum-requests=1000 request-timeout=60 interrupt-timeout=5 restart-interval=1d inactivity-timeout=1h",
    "memory-limit=512M virtual-memory-limit=4G cpu-time-limit=1h eviction-timeout=30 graceful-timeout=20 queue-timeout=30",
    "maximum-requests=0 request-timeout=0 interrupt-timeout=0 deadlock-timeout=0 shutdown-timeout=0",
    "lang=C.UTF-8 locale=C.UTF-8 env=A=1 socket-timeout=60 request-timeout=60",
])
def test_what_goes_together(serve, options):
    assert doctor.examine(serve(f"WSGIDaemonProcess app {options}{USED}", run=False)) == ([], 0)


@pytest.mark.root
def test_chroot_needs_root(serve):
    server = serve(f"WSGIDaemonProcess app chroot=/{USED}", run=False, run_as="www-data")
    finding = next(finding for finding in doctor.examine(server)[0] if finding["severity"] == "error")
    assert finding["what"].startswith("chroot needs an httpd that root starts") and "remove chroot" in finding["remedy"]


@pytest.mark.root
def test_users_need_root(serve):
    """Said when httpd starts, and not by a test of somebody else than who starts it."""
    server = serve(f"WSGIDaemonProcess app user=nobody{USED}", run=False, run_as="www-data")
    assert doctor.examine(server) == ([], 0)
    server.start()
    assert server.get("/").body == b"Hello, world!"
    server.wait_for_log("the process group `app` at .*: nothing comes of user unless root starts httpd")


def test_two_owners_of_scripts(serve):
    result = serve(f"WSGIDaemonProcess app script-user=root script-group=root{USED}", run=False).configtest()
    assert result.returncode != 0 and "remove one of them" in result.stderr

