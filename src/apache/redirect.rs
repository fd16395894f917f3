//! A response with status 200 whose `Location` is a path of this server asks httpd for that URL instead, as of CGI. It is
//! how an application that has decided who may see a file leaves the sending to httpd.

use std::ffi::c_int;

use contract::response::Head;

use super::request::Request;
use crate::sys;

/// Where httpd is to look for the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    location: Vec<u8>,
    /// The type that the application has given; httpd's own, by the file's name, goes before it.
    content_type: Option<Vec<u8>>,
}

impl Redirect {
    /// What `head` asks for, if it does.
    pub(crate) fn of(head: &Head<'_>) -> Option<Self> {
        let value = |name: &str| {
            let mut found = head.headers().filter(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes()));
            found.next().map(|(_, value)| value.to_vec())
        };
        let location = value("Location").filter(|location| location.starts_with(b"/"));
        let location = location.filter(|_| head.status == 200)?;
        Some(Self { location, content_type: value("Content-Type") })
    }

    /// Lets httpd answer, to a GET without a body. The rest of the application's head is dropped.
    pub(crate) fn follow(&self, request: Request<'_>) {
        let pool = request.pool();
        if let Some(value) = &self.content_type {
            let value = pool.string(value);
            // SAFETY: request and value are alive; the request after this one takes it over.
            unsafe { sys::ap_set_content_type(request.as_ptr(), value.as_ptr()) };
        }
        // What is left of the body: without these headers httpd would take it for the next request.
        // SAFETY: the request is alive and its body is read by nobody else.
        unsafe { sys::ap_discard_request_body(request.as_ptr()) };
        request.headers_in().unset(c"Content-Length");
        request.headers_in().unset(c"Transfer-Encoding");
        // SAFETY: the request is alive; the string is a constant.
        unsafe { (*request.as_ptr()).method = c"GET".as_ptr() };
        // SAFETY: the request is alive.
        unsafe { (*request.as_ptr()).method_number = sys::M_GET as c_int };
        let location = pool.string(&self.location);
        // SAFETY: request and location are alive; httpd runs the other request to its end.
        unsafe { sys::ap_internal_redirect_handler(location.as_ptr(), request.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(status: u16, headers: &[(&str, &str)]) -> Option<Redirect> {
        let mut payload = Vec::new();
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        Head::encode(&mut payload, status, b"", headers);
        Redirect::of(&Head::decode(&payload).unwrap())
    }

    #[test]
    fn only_200_with_a_path_redirects() {
        let found = redirect(200, &[("content-type", "a/b"), ("location", "/x")]).unwrap();
        assert_eq!((found.location, found.content_type), (b"/x".to_vec(), Some(b"a/b".to_vec())));
        assert_eq!(redirect(200, &[("Location", "/x")]).unwrap().content_type, None);
        for (status, location) in [(302, "/x"), (201, "/x"), (200, "http://h/x"), (200, "x"), (200, "")] {
            assert_eq!(redirect(status, &[("Location", location)]), None);
        }
        assert_eq!(redirect(200, &[("X", "/x")]), None);
    }
}
