//! The Apache module, `mod_wsgi.so`: Python web applications behind httpd. This page is the map.
//!
//! A request comes in at `module` (the hooks, in the order httpd calls them), is mapped to a script by
//! `translate`, checked and sent on its way by `handler`, which has its variables written by `environ`, and runs
//! either in this process (`embedded`: libpython and the host library are mapped on first need) or in a process of
//! its group (`daemon`). Before all that, `doctor` judges the configuration; `status` shows what goes on. For those who
//! follow a request, `trace` gives it ids, and `notes` tell logs where it ran and what it cost.
//!
//! Below them lie `apache` (httpd made safe), `config` (what the administrator wrote; pure) and `contract` (what
//! module, leader and host say to each other; a crate of its own). Arrows point down only:
//! `module → handler → {embedded, daemon} → apache → sys`.
//!
//! The parent starts no thread and no Python. What directives said lives in httpd's pools, never in a static.

#![deny(unsafe_code)]

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must cost one request and not the process: build with panic = \"unwind\"");

#[expect(unsafe_code, reason = "httpd's structures are C")]
mod apache;
mod auth;
mod config;
mod daemon;
mod doctor;
#[expect(unsafe_code, reason = "libpython and the host are loaded and called as C")]
mod embedded;
mod environ;
mod fault;
mod handler;
mod module;
mod notes;
mod status;
#[allow(unsafe_code, warnings, clippy::all, clippy::pedantic, clippy::restriction)] // generated
mod sys;
mod trace;
mod translate;
