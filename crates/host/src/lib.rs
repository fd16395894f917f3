//! The Python side of mod_wsgi.
