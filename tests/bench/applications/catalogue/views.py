"""The page and its address."""

from django.shortcuts import render
from django.urls import path

from catalogue.models import Article


def page(request):
    articles = Article.objects.filter(stock__gt=0).order_by("title")[:20]
    return render(request, "page.html", {"articles": articles})


urlpatterns = [path("", page)]
