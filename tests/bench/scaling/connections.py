"""Kept connections: thousands of clients that have had an answer and ask again every now and then, and hello world beside."""

import asyncio
import multiprocessing
import time

from bench import processes
from bench.scaling.httpd import Httpd
from bench.scaling.load import measured

EVERY = 10  # seconds between two requests of one client
REQUEST = b"GET /a0 HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHILDREN, THREADS = 2, 128
LINES = """\
WSGIDaemonProcess one processes=2 threads=8
WSGIScriptAlias /a0 {script} process-group=one application-group=%{{GLOBAL}}
"""


async def client(port, number, count, seen, stop):
    """One of them: counts its answers, and what goes wrong."""
    try:
        await asyncio.sleep(EVERY * number / count)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)  # until it asks it would hold a thread of httpd
        while not stop.is_set():
            writer.write(REQUEST)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            await reader.readexactly(12)
            seen["answers" if head.startswith(b"HTTP/1.1 200") else "failures"] += 1
            seen["kept"] += 0 if number in seen["who"] else 1
            seen["who"].add(number)
            await asyncio.sleep(EVERY)
        writer.close()
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
        seen["failures"] += 1
        seen["why"] = str(error) or type(error).__name__


def crowd(port, count, results, stop):
    """All of them, in a process of their own."""
    async def run():
        seen = {"answers": 0, "failures": 0, "kept": 0, "who": set(), "why": ""}
        tasks = [asyncio.create_task(client(port, number, count, seen, stop)) for number in range(count)]
        while not stop.is_set():
            await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        seen.pop("who")
        results.put(seen)
    asyncio.run(run())


def measure(machine, module, count, script):
    """Memory, processor time and hello world without and with the crowd."""
    with Httpd(machine, module, LINES.format(script=script), CHILDREN, THREADS) as httpd:
        httpd.start()
        alone = measured(httpd, "/a0", seconds=4, connections=16)
        before = processes.memory(httpd.processes())
        stop, results = multiprocessing.Event(), multiprocessing.Queue()
        process = multiprocessing.Process(target=crowd, args=(httpd.port, count, results, stop))
        process.start()
        time.sleep(EVERY + 5)  # all have come and been answered
        members = httpd.processes()
        slept, ran = processes.wakeups(members)
        time.sleep(EVERY)
        slept_then, ran_then = processes.wakeups(members)
        after = processes.memory(members)
        beside = measured(httpd, "/a0", seconds=4, connections=16)
        stop.set()
        seen = results.get(timeout=60)
        process.join()
    return {"connections": count, **seen, "alone": alone, "beside": beside, "memory": (after - before) / count,
            "share": (ran_then - ran) / EVERY, "wakeups": (slept_then - slept) / EVERY}
