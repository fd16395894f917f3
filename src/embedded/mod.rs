//! Embedded mode. (skeleton)
