//! The request payload. (skeleton)

use crate::apache::Request;
use crate::config::Resolved;

/// The payload of `contract::request::Request` for `request`.
pub(crate) fn payload(_request: Request<'_>, _resolved: &Resolved<'_>) -> Vec<u8> {
    Vec::new()
}
