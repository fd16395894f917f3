"""Views that each show one thing between Django and its host."""

import hashlib
import logging
import subprocess
import threading
import time

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.views.decorators.csrf import csrf_exempt

from .middleware import counts
from .models import Book


def form(request):
    """A form's token."""
    return HttpResponse(f'<input name="csrfmiddlewaretoken" value="{get_token(request)}">')


def upload(request):
    """Stores the files of a form, and tells what became of them."""
    told = []
    for file in request.FILES.getlist("file"):
        digest = hashlib.sha256()
        for chunk in file.chunks():
            digest.update(chunk)
        saved = default_storage.save(file.name, file)
        told.append({"name": file.name, "saved": saved, "size": file.size, "digest": digest.hexdigest(), "kind": type(file).__name__})
    return JsonResponse({"files": told, "note": request.POST.get("note")})


def download(request):
    """A stored file, through wsgi.file_wrapper."""
    return FileResponse(default_storage.open(request.GET["name"]), as_attachment=True, filename=request.GET["name"])


def visits(request):
    """Counts in the session."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(request.session["visits"])


def books(request):
    """The titles, with a prefix."""
    titles = Book.objects.filter(title__startswith=request.GET["prefix"]).order_by("title")
    return JsonResponse([book.title for book in titles], safe=False)


@csrf_exempt
def add(request):
    """Adds a book."""
    return HttpResponse(Book.objects.create(title=request.POST["title"]).title, status=201)


def fail(request):
    """Adds a book, then fails: ATOMIC_REQUESTS takes it back."""
    Book.objects.create(title=request.GET["title"])
    raise RuntimeError("failed after the insert")


@transaction.non_atomic_requests
def fail_late(request):
    """Adds one book outside and one inside of a transaction that fails."""
    Book.objects.create(title=request.GET["title"] + " kept")
    with transaction.atomic():
        Book.objects.create(title=request.GET["title"] + " lost")
        raise RuntimeError("failed in the transaction")


def slow_query(request):
    """A query that takes as long as PostgreSQL lets it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")
    return HttpResponse()


def stream(request):
    """A line, then the rest when the test has put a file there."""

    def lines():
        yield "first\n"
        until = time.monotonic() + 20
        while not (settings.STATE / request.GET["until"]).exists() and time.monotonic() < until:
            time.sleep(0.02)
        yield f"{Book.objects.count()} books\n"

    return StreamingHttpResponse(lines(), content_type="text/plain")


def stream_broken(request):
    """Fails after the head is out."""

    def lines():
        yield "first\n"
        raise RuntimeError("failed in the stream")

    return StreamingHttpResponse(lines())


def signals(request):
    """How often Django's request signals were sent in this process."""
    return JsonResponse(counts)


def kept(request):
    """Whether this thread's database connection was open before the request."""
    return JsonResponse({"thread": threading.get_ident(), "kept": request.kept})


def log(request):
    """Logs at each level."""
    logger = logging.getLogger("library")
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(logger, level)("%s %s", request.GET["mark"], level)
    try:
        raise ValueError(request.GET["mark"] + " caught")
    except ValueError:
        logger.exception("with a traceback")
    return HttpResponse()


def subprocesses(request):
    """What another program says."""
    return HttpResponse(subprocess.run(["/bin/sh", "-c", "echo said by a program"], check=True, capture_output=True).stdout)
