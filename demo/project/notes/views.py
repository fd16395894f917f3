"""The pages: a list with a form, an export that streams, a download, and a page about the process that served it."""

import os
import sys

from django import forms
from django.contrib import messages
from django.http import FileResponse, Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from .models import Note


class NoteForm(forms.ModelForm):
    class Meta:
        model = Note
        fields = ["title", "text", "attachment"]


def index(request):
    """The notes, and the form for a new one."""
    form = NoteForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        note = form.save()
        messages.success(request, f"Saved “{note.title}”.")
        return redirect("index")
    visits = request.session["visits"] = request.session.get("visits", 0) + 1
    return render(request, "notes/index.html", {"notes": Note.objects.all()[:50], "form": form, "visits": visits})


def about(request):
    """What the WSGI environment says about this request."""
    facts = {name: value for name, value in sorted(request.environ.items()) if name.startswith(("mod_wsgi.", "wsgi."))}
    facts |= {"python": sys.version, "process": os.getpid(), "prefix": sys.prefix}
    return render(request, "notes/about.html", {"facts": facts})


def export(request):
    """Every note as a line of text, sent as it is read from the database."""
    lines = (f"{note.created:%Y-%m-%d %H:%M} {note.title}\n" for note in Note.objects.iterator())
    return StreamingHttpResponse(lines, content_type="text/plain; charset=utf-8")


def attachment(request, number):
    """A note's file, through wsgi.file_wrapper."""
    note = get_object_or_404(Note, pk=number)
    if not note.attachment:
        raise Http404("this note has no attachment")
    return FileResponse(note.attachment.open("rb"), as_attachment=True)
