"""What the page lists."""

from django.db import models


class Article(models.Model):
    title = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    stock = models.IntegerField(db_index=True)
