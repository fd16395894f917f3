//! What the Apache module, the leader and the Python host say to each other.
//!
//! The parts are built and installed together but run in different processes, so every layout and message
//! that crosses a boundary is defined here, once:
//!
//! - [`wire`], [`frame`], [`request`], [`response`]: the frames on a connection between an httpd child and a worker;
//!   [`names`]: what its variables are called; [`task`], [`verdict`]: what a request is for when no application answers it,
//!   and the script's answer;
//! - [`ticket`]: how such a connection reaches a worker, and how descriptors travel;
//! - [`area`]: the shared statistics area of a process group, which is also how a free thread is found; [`thread`]: what a
//!   request thread shows of itself there, [`size`]: how many processes there are to be, [`counters`]: what is counted,
//!   [`note`]: the last error;
//! - [`control`]: messages between parent, leader and workers, and [`reason`]: why a worker ends, [`ending`]: how;
//! - [`launch`]: the settings that a leader and a worker start with, [`limits`] among them, and [`inherited`]: the
//!   descriptors;
//! - [`variables`]: the environment that those settings carry, with values that are never printed;
//! - [`layers`]: what those settings say about single interpreters;
//! - [`version`]: the version of all this, and what is said when two parts differ;
//! - [`abi`]: the table of C functions between `mod_wsgi.so` and the host in embedded mode;
//! - [`scoreboard`], [`question`]: httpd's scoreboard, and how a worker asks for it;
//! - [`level`], [`mod@line`]: httpd's log levels and the form of a line that a daemon writes itself; [`syslog`]: its
//!   form where the error log is syslog.
//!
//! It names neither httpd nor Python.

#![deny(unsafe_code)]

pub mod abi;
#[allow(unsafe_code)] // the one place that maps shared memory
pub mod area;
pub mod control;
pub mod costs;
pub mod counters;
pub mod ending;
pub mod frame;
#[allow(unsafe_code)] // the one place that turns a number into a descriptor
pub mod inherited;
pub mod launch;
pub mod layers;
pub mod level;
pub mod limits;
pub mod line;
pub mod modified;
pub mod names;
pub mod note;
pub mod question;
pub mod reason;
pub mod request;
pub mod response;
pub mod scoreboard;
pub mod size;
pub mod syslog;
pub mod task;
pub mod thread;
pub mod ticket;
pub mod variables;
pub mod verdict;
pub mod version;
pub mod wire;

pub use version::{Mismatch, VERSION};

/// The version of mod_wsgi whose behaviour applications see as `mod_wsgi.version`.
pub const MOD_WSGI_VERSION: (u8, u8, u8) = (6, 1, 1);
