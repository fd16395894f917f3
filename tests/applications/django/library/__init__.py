"""A library of books: the Django project that the tests serve."""
