"""Asynchronous views below WSGI: Django runs each in an event loop of its own. ATOMIC_REQUESTS does not go with them."""

import asyncio
import threading

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse

from .models import Book


@transaction.non_atomic_requests
async def together(request):
    """Three that wait for each other: they finish only if they run at once."""
    arrived, all_here = [], asyncio.Event()

    async def one(number):
        arrived.append(number)
        if len(arrived) == 3:
            all_here.set()
        await asyncio.wait_for(all_here.wait(), 10)
        return number

    return JsonResponse({"numbers": await asyncio.gather(*map(one, range(3))), "path": request.path})


@transaction.non_atomic_requests
async def count(request):
    """Books, asked for asynchronously and from a thread; and the threads that Python has made itself."""
    here, there = await Book.objects.acount(), await sync_to_async(Book.objects.count)()
    made = [thread.name for thread in threading.enumerate() if not thread.name.startswith("Dummy")]
    return JsonResponse({"here": here, "thread": there, "threads": made})


@transaction.non_atomic_requests
async def astream(request):
    """An asynchronous stream, which Django consumes before it sends anything."""

    async def lines():
        for number in range(3):
            await asyncio.sleep(0)
            yield f"line {number}\n"

    return StreamingHttpResponse(lines(), content_type="text/plain")


@transaction.non_atomic_requests
async def broken(request):
    """Fails after a wait."""
    await asyncio.sleep(0)
    raise RuntimeError("failed in an asynchronous view")


@transaction.non_atomic_requests
async def program(request):
    """What another program says."""
    process = await asyncio.create_subprocess_exec("/bin/echo", "said by a program", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return HttpResponse(out)
