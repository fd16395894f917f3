//! WSGI (PEP 3333), once, for both places where the host runs.

pub(crate) mod exchange;
pub(crate) mod serve;
