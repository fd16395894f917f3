//! CPython made safe for the rest of the host.

pub(crate) mod argv;
pub(crate) mod error;
pub(crate) mod interpreter;
pub(crate) mod process;
