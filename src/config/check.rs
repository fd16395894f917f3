//! Judges the whole configuration before httpd starts. (skeleton)
