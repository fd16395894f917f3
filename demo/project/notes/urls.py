"""Which page of the notes is where."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.index, name="index"),
    path("about/", views.about, name="about"),
    path("export/", views.export, name="export"),
    path("notes/<int:number>/attachment/", views.attachment, name="attachment"),
]
