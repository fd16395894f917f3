//! The Apache module, mod_wsgi.so.
