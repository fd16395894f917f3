//! httpd's and APR's C interface, as bindgen made it from `apxs/wrapper.h`; only `apache` uses it.

include!(concat!(env!("OUT_DIR"), "/httpd.rs"));
