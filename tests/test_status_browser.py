"""The status page in a browser: live, light and dark, on a phone, with hostile requests, without scripts.

With STATUS_SCREENSHOT=FILE in the environment the picture for the documents is written there.
"""

import os
from pathlib import Path

import pytest
from support.chromium import Chromium
from support.processes import wait_until
from support.status import Site

HOSTILE = "/wait<img/src=x/onerror=alert(1)>'\""


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests."""
    made = Chromium()
    yield made
    made.close()


@pytest.fixture
def site(serve):
    """A group with some requests behind it."""
    found = Site(serve, "daemon", "processes=2 threads=5")
    for path in ["/"] * 20 + ["/missing", "/raise"]:
        found.server.get(path)
    found.counted(22)
    return found


def url(site, query=""):
    return f"http://127.0.0.1:{site.server.port}/wsgi-status{query}"


def background(browser):
    return browser.evaluate("getComputedStyle(document.body).backgroundColor")


def fits(browser):
    """Whether nothing is beyond the right edge."""
    return browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_page_is_live_and_can_be_paused(browser, site):
    browser.screen(1100, 800)
    browser.open(url(site))
    assert browser.evaluate("document.querySelector('h2').textContent").startswith("app")
    assert browser.evaluate("document.getElementById('control').hidden") is False
    browser.evaluate("document.querySelector('details[id^=ends]').open = true")
    site.server.get("/")
    shown = "[...document.querySelectorAll('dt')].find(dt => dt.textContent == 'Requests').nextSibling.firstChild.data.trim()"
    wait_until(lambda: browser.evaluate(shown) == "23", 20, "the page to show the request")
    assert browser.evaluate("document.querySelector('details[id^=ends]').open") is True, "what was unfolded stays so"
    browser.evaluate("document.getElementById('pause').click()")
    site.server.get("/")
    site.counted(24)
    assert browser.evaluate("document.getElementById('told').textContent") == "paused"
    assert browser.evaluate("new Promise(done => setTimeout(done, 2500))." f"then(() => {shown})") == "23"
    browser.evaluate("document.getElementById('pause').click()")
    wait_until(lambda: browser.evaluate(shown) == "24", 20, "the page to go on")
    assert browser.complaints() == []


def test_an_impatient_reader_makes_no_more_requests(browser, site):
    """Each look plans the next one; those that were in flight when the button was pressed must not."""
    browser.screen(1100, 800)
    browser.open(url(site))
    browser.evaluate("for (let n = 0; n < 20; n++) document.getElementById('pause').click()")
    looks = "performance.getEntriesByType('resource').filter(entry => entry.name.includes('format=html')).length"
    wait_until(lambda: browser.evaluate(looks) >= 1, 20, "the first look")
    browser.evaluate("new Promise(done => setTimeout(done, 3000))")
    before = browser.evaluate(looks)
    browser.evaluate("new Promise(done => setTimeout(done, 5000))")
    assert browser.evaluate(looks) - before <= 4, "one in two seconds"


def test_light_and_dark_and_small(browser, site):
    backgrounds = {}
    for dark in (False, True):
        browser.screen(390, 800, dark=dark, phone=True)
        browser.open(url(site))
        backgrounds[dark] = background(browser)
        assert fits(browser), "a phone shows it without scrolling sideways"
        assert browser.evaluate("getComputedStyle(document.querySelector('.processes thead')).display") == "none"
        assert browser.complaints() == []
    assert backgrounds == {False: "rgb(247, 248, 250)", True: "rgb(20, 24, 31)"}
    browser.screen(1100, 800)
    browser.open(url(site))
    assert fits(browser) and browser.evaluate("document.querySelectorAll('svg rect').length") >= 22


def test_hostile_requests_are_texts(browser, site):
    waiting = site.server.connect()
    waiting.send(f"GET {HOSTILE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    try:
        site.until(lambda group: HOSTILE in [request["path"] for worker in group["workers"] for request in worker["running"]], "the request")
        browser.screen(1100, 800)
        browser.open(url(site))
        assert HOSTILE in browser.evaluate("document.querySelector('ul.running').textContent")
        assert browser.evaluate("document.images.length") == 0 and browser.complaints() == []
    finally:
        site.release()
        waiting.close()


def test_a_server_that_is_gone_is_said(browser, site):
    browser.screen(1100, 800)
    browser.open(url(site))
    site.server.stop()
    told = "document.getElementById('told').textContent"
    wait_until(lambda: browser.evaluate(told).startswith("no answer"), 20, "the page to say so")
    assert browser.evaluate("document.querySelector('h2').textContent").startswith("app"), "what was known stays"


def test_without_scripts_all_is_there(browser, site):
    browser.screen(1100, 800, scripts=False)
    browser.open(url(site, "?refresh=600"))
    text = site.page("?refresh=600").text
    assert "Threads busy" in text and "Stop</a>" in text
    browser.screen(1100, 800)


@pytest.mark.skipif("STATUS_SCREENSHOT" not in os.environ, reason="STATUS_SCREENSHOT=FILE takes the picture for the documents")
def test_take_the_picture(browser, serve):
    site = Site(serve, "daemon", "processes=2 threads=5", more="WSGIDaemonProcess shop threads=4\n")
    waiting = []
    for path in ["/"] * 400 + ["/missing"] * 9 + ["/raise"]:
        site.server.get(path)
    for path in ("/wait/report/2026", "/wait/search"):
        waiting.append(site.server.connect())
        waiting[-1].send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    site.until(lambda group: sum(worker["busy"] for worker in group["workers"]) == 2, "the requests")
    browser.screen(900, 640)
    browser.open(url(site))
    Path(os.environ["STATUS_SCREENSHOT"]).write_bytes(browser.screenshot())
    site.release()
    for connection in waiting:
        connection.close()
