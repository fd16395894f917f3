//! The response's head as a state machine, and how much of the body may go out. No Python here.

use contract::response::{Head as Payload, MAX_HEADER, MAX_HEADERS, Outcome};
use thiserror::Error;

use super::timing::{SERVER_TIMING, server_timing};
use crate::api::interval::Times;
use crate::api::recorder::micros_now;

/// So many headers an application may give; the host adds some of its own, and httpd takes no more than that.
const MOST: usize = MAX_HEADERS as usize - 8;

/// Why `start_response` was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum HeadError {
    /// The head has been sent.
    #[error("the response's head has already been sent")]
    AlreadySent,
    /// A header's name.
    #[error("header name {0:?} is not made of letters, digits and !#$%&'*+-.^_`|~")]
    BadName(String),
    /// The status.
    #[error("status {0:?} is not three digits, a space and a reason")]
    BadStatus(String),
    /// A status that ends no request.
    #[error("status {0} is that of an interim response; an application gives the final one")]
    Interim(u16),
    /// A header's value.
    #[error("the value of header {0} has a line break or another control character")]
    BadValue(String),
    /// More than httpd takes.
    #[error("the response has more than {MOST} headers, or more than 8M of them")]
    TooLarge,
}

/// Why a piece of the body was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum SendError {
    /// Found when the head goes out.
    #[error("Content-Length {0:?} is not a number")]
    BadContentLength(String),
    /// Nobody is there to read it.
    #[error("the client has closed the connection")]
    ClientGone,
    /// `start_response` was not called.
    #[error("the application has not called start_response")]
    NotStarted,
    /// The request has ended.
    #[error("the request has ended")]
    Over,
}

/// A status and headers that were checked.
#[derive(Debug, Default)]
pub(crate) struct Head {
    status: u16,
    reason: Vec<u8>,
    text: Vec<u8>,
    fields: Vec<Field>,
}

/// One header: where its name and value lie in [`Head::text`].
#[derive(Debug, Clone, Copy)]
struct Field {
    start: usize,
    colon: usize,
    end: usize,
    kind: Kind,
}

/// The headers of which the last one wins, and the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ContentLength,
    ContentType,
    Other,
}

impl Head {
    /// A head with this status line, without headers.
    pub(crate) fn new(status: &[u8]) -> Result<Self, HeadError> {
        let bad = || HeadError::BadStatus(String::from_utf8_lossy(status).into_owned());
        let (digits, rest) = status.split_at_checked(3).ok_or_else(bad)?;
        let reason = match rest {
            [] => rest,
            [b' ', reason @ ..] => reason,
            _ => return Err(bad()),
        };
        if !digits.iter().all(u8::is_ascii_digit) || reason.iter().any(u8::is_ascii_control) {
            return Err(bad());
        }
        let number = digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
        match number {
            0..=99 => return Err(bad()),
            100..=199 => return Err(HeadError::Interim(number)),
            _ => {}
        }
        Ok(Self { status: number, reason: reason.to_vec(), ..Self::default() })
    }

    /// Makes room for `count` headers.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.fields.reserve(count + 1);
        self.text.reserve(count * 48);
    }

    /// Appends a header.
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadError> {
        if name.is_empty() || !name.iter().copied().all(is_token) {
            return Err(HeadError::BadName(String::from_utf8_lossy(name).into_owned()));
        }
        if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(HeadError::BadValue(String::from_utf8_lossy(name).into_owned()));
        }
        if self.fields.len() >= MOST || self.text.len() + name.len() + value.len() > MAX_HEADER {
            return Err(HeadError::TooLarge);
        }
        let kind = match name.len() {
            14 if name.eq_ignore_ascii_case(b"Content-Length") => Kind::ContentLength,
            12 if name.eq_ignore_ascii_case(b"Content-Type") => Kind::ContentType,
            _ => Kind::Other,
        };
        if kind != Kind::Other {
            self.fields.retain(|field| field.kind != kind);
        }
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let colon = self.text.len();
        self.text.extend_from_slice(value);
        self.fields.push(Field { start, colon, end: self.text.len(), kind });
        Ok(())
    }

    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().filter_map(|field| {
            Some((self.text.get(field.start..field.colon)?, self.text.get(field.colon..field.end)?))
        })
    }

    /// The length that the application has given.
    fn content_length(&self) -> Result<Option<u64>, SendError> {
        let Some(field) = self.fields.iter().find(|field| field.kind == Kind::ContentLength) else {
            return Ok(None);
        };
        let value = self.text.get(field.colon..field.end).unwrap_or_default();
        let digits = value.trim_ascii_start();
        let number = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
        match number.and_then(|number| number.parse().ok()) {
            Some(length) => Ok(Some(length)),
            None => Err(SendError::BadContentLength(String::from_utf8_lossy(value).into_owned())),
        }
    }

    /// Whether a response of this status has a body at all.
    fn may_have_body(&self) -> bool {
        !matches!(self.status, 204 | 304)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.text.len() + 8 * self.fields.len());
        Payload::encode(&mut out, self.status, &self.reason, self.headers());
        out
    }
}

/// Whether a header's name may hold it. httpd answers in our place, without a word about the reason, when it meets
/// another.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Where a response is.
#[derive(Debug)]
enum State {
    /// `start_response` has not been called.
    NotStarted,
    /// It has been called, and may be called again.
    Started(Head),
    /// The head is out.
    Sent,
}

/// A response on its way.
#[derive(Debug)]
pub(crate) struct Response {
    state: State,
    /// The last accepted status.
    status: u16,
    /// The client wants no body (HEAD).
    head_only: bool,
    /// The body is dropped.
    bodiless: bool,
    /// The length of the whole body, if that is known before the head goes out.
    known: Option<u64>,
    /// The length that the head promises.
    content_length: Option<u64>,
    sent: u64,
    /// For a Server-Timing header, if one is wanted.
    times: Option<Times>,
}

/// What goes out next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The head's payload, when it has not been sent.
    pub head: Option<Vec<u8>>,
    /// How many bytes of the piece.
    pub take: usize,
}

impl Response {
    /// A response to a request; `head_only`: to a HEAD.
    pub(crate) fn new(head_only: bool) -> Self {
        Self {
            state: State::NotStarted,
            status: 500,
            head_only,
            bodiless: head_only,
            known: None,
            content_length: None,
            sent: 0,
            times: None,
        }
    }

    /// The request is a HEAD.
    pub(crate) fn expect_head_only(&mut self) {
        self.head_only = true;
        self.bodiless = true;
    }

    /// The head gets a Server-Timing header.
    pub(crate) fn show_times(&mut self, times: Times) {
        self.times = Some(times);
    }

    /// `start_response`: the head is kept until the first output.
    pub(crate) fn start(&mut self, head: Head) -> Result<(), HeadError> {
        if matches!(self.state, State::Sent) {
            return Err(HeadError::AlreadySent);
        }
        self.status = head.status;
        self.state = State::Started(head);
        Ok(())
    }

    /// Whether the head is out.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self.state, State::Sent)
    }

    /// The last status that `start_response` was given; 500 without one.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// A piece of the body with `length` bytes, of unknown place in the whole.
    pub(crate) fn piece(&mut self, length: usize) -> Result<Step, SendError> {
        let head = self.take_head()?;
        Ok(Step { head, take: self.allow(length as u64) as usize })
    }

    /// The whole body will have `length` bytes: the head gets a Content-Length if the application gives none.
    pub(crate) fn promise(&mut self, length: u64) {
        self.known = Some(length);
    }

    /// The whole rest of the body, with `length` bytes: the head, if it is not out, and how many of them to send.
    pub(crate) fn whole(&mut self, length: u64) -> Result<(Option<Vec<u8>>, u64), SendError> {
        self.promise(length);
        let head = self.take_head()?;
        Ok((head, self.allow(length)))
    }

    /// The head's payload if it is not out yet.
    fn take_head(&mut self) -> Result<Option<Vec<u8>>, SendError> {
        let mut head = match std::mem::replace(&mut self.state, State::Sent) {
            State::Sent => return Ok(None),
            State::NotStarted => {
                self.state = State::NotStarted;
                return Err(SendError::NotStarted);
            }
            State::Started(head) => head,
        };
        self.content_length = match head.content_length() {
            Ok(length) => length,
            Err(error) => {
                self.state = State::Started(head);
                return Err(error);
            }
        };
        self.bodiless |= !head.may_have_body();
        // An empty body does not tell what a GET would get in place of this HEAD.
        let known = self.known.filter(|length| head.may_have_body() && (!self.head_only || *length > 0));
        if let (None, Some(length)) = (self.content_length, known) {
            let _ = head.push(b"Content-Length", length.to_string().as_bytes()); // neither is at fault
            self.content_length = Some(length);
        }
        if let Some(times) = self.times.filter(|_| head.status != 304) {
            let _ = head.push(SERVER_TIMING, server_timing(times, micros_now()).as_bytes()); // as above
        }
        Ok(Some(head.encode()))
    }

    /// How much of `length` bytes may still go out.
    fn allow(&mut self, length: u64) -> u64 {
        if self.bodiless {
            return 0;
        }
        let allowed = self.content_length.map_or(length, |limit| length.min(limit - self.sent.min(limit)));
        self.sent += allowed;
        allowed
    }

    /// Whether the body is as long as the head promised.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.content_length {
            Some(length) if !self.bodiless && self.sent < length => Outcome::Aborted,
            _ => Outcome::Complete,
        }
    }

    /// The promised and the sent length, for the log.
    pub(crate) fn lengths(&self) -> (Option<u64>, u64) {
        (self.content_length, self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: &str, headers: &[(&str, &str)]) -> Head {
        let mut head = Head::new(status.as_bytes()).unwrap();
        for (name, value) in headers {
            head.push(name.as_bytes(), value.as_bytes()).unwrap();
        }
        head
    }

    fn sent(step: Option<Vec<u8>>) -> Vec<(String, String)> {
        let payload = step.expect("a head");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Payload::decode(&payload).unwrap().headers().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn status_lines() {
        for good in ["200 OK", "200", "404 ", "299 a  b", "999 x"] {
            assert!(Head::new(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in ["", "20", "2000 OK", "200OK", "20x OK", "200 a\nb", "200\tOK", "099 x", " 200 OK"] {
            assert_eq!(Head::new(bad.as_bytes()).unwrap_err(), HeadError::BadStatus(bad.into()), "{bad}");
        }
        for (status, number) in [("100 Continue", 100), ("101 Switching Protocols", 101), ("199", 199)] {
            assert_eq!(Head::new(status.as_bytes()).unwrap_err(), HeadError::Interim(number));
        }
    }

    #[test]
    fn header_names_and_values() {
        let mut head = Head::new(b"200 OK").unwrap();
        for bad in ["", "a b", "a\nb", "a\tb", "a:b", "a(b)", "\u{e4}", "a\u{7f}"] {
            assert!(matches!(head.push(bad.as_bytes(), b"x"), Err(HeadError::BadName(_))), "{bad:?}");
        }
        for bad in ["a\rb", "a\nb", "a\0b", "a\u{1}b", "a\u{7f}"] {
            assert!(matches!(head.push(b"X", bad.as_bytes()), Err(HeadError::BadValue(_))), "{bad:?}");
        }
        head.push(b"X", b"a\tb \xe4").unwrap();
    }

    #[test]
    fn heads_have_a_limit() {
        let mut long = Head::new(b"200 OK").unwrap();
        long.push(b"X", &vec![b'x'; MAX_HEADER - 2]).unwrap();
        assert_eq!(long.push(b"X", b"x"), Err(HeadError::TooLarge));
        let mut many = Head::new(b"200 OK").unwrap();
        (0..MOST).for_each(|_| many.push(b"X", b"x").unwrap());
        assert_eq!(many.push(b"X", b"x"), Err(HeadError::TooLarge));
        let mut response = Response::new(false);
        response.start(many).unwrap();
        assert_eq!(sent(response.piece(1).unwrap().head).len(), MOST);
    }

    #[test]
    fn the_last_length_and_type_win() {
        let given = [("content-type", "a"), ("X", "1"), ("Content-Type", "b"), ("X", "2")];
        let mut response = Response::new(false);
        response.start(head("200 OK", &given)).unwrap();
        let expected = [("X", "1"), ("Content-Type", "b"), ("X", "2")];
        let expected: Vec<_> = expected.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        assert_eq!(sent(response.piece(1).unwrap().head), expected);
        assert!(response.is_sent());
        assert_eq!(response.start(head("200 OK", &[])), Err(HeadError::AlreadySent));
    }

    #[test]
    fn nothing_goes_out_before_start_response() {
        assert_eq!(Response::new(false).piece(1), Err(SendError::NotStarted));
        assert_eq!(Response::new(false).whole(0), Err(SendError::NotStarted));
    }

    #[test]
    fn start_response_may_be_repeated_until_the_head_is_out() {
        let mut response = Response::new(false);
        response.start(head("200 OK", &[("A", "1")])).unwrap();
        response.start(head("500 Oh", &[("B", "2")])).unwrap();
        assert_eq!(sent(response.piece(0).unwrap().head), [("B".to_owned(), "2".to_owned())]);
        assert_eq!(response.status(), 500);
    }

    #[test]
    fn content_length_is_computed_for_a_whole_body_only() {
        let mut response = Response::new(false);
        response.start(head("200 OK", &[])).unwrap();
        let (payload, take) = response.whole(5).unwrap();
        assert_eq!((sent(payload), take), (vec![("Content-Length".to_owned(), "5".to_owned())], 5));
        for (status, head_only, length, computed) in [
            ("204 No", false, 5, false),
            ("304 Not", false, 5, false),
            ("200 OK", true, 0, false),
            ("200 OK", true, 5, true),
        ] {
            let mut response = Response::new(head_only);
            response.start(head(status, &[])).unwrap();
            let (payload, take) = response.whole(length).unwrap();
            assert_eq!((sent(payload).len() == 1, take), (computed, 0), "{status} {head_only} {length}");
            assert_eq!(response.outcome(), Outcome::Complete);
        }
    }

    #[test]
    fn excess_is_dropped_and_a_short_body_is_told() {
        let mut response = Response::new(false);
        response.start(head("200 OK", &[("Content-Length", " 4")])).unwrap();
        assert_eq!(response.piece(3).unwrap().take, 3);
        assert_eq!(response.outcome(), Outcome::Aborted);
        assert_eq!(response.piece(3).unwrap().take, 1);
        assert_eq!(response.piece(3).unwrap().take, 0);
        assert_eq!(response.outcome(), Outcome::Complete);
    }

    #[test]
    fn a_bad_content_length_is_found_when_the_head_goes_out() {
        for bad in ["", "x", "-1", "+1", "4 ", "99999999999999999999999"] {
            let mut response = Response::new(false);
            response.start(head("200 OK", &[("Content-Length", bad)])).unwrap();
            assert_eq!(response.piece(1), Err(SendError::BadContentLength(bad.into())));
            assert!(!response.is_sent());
        }
    }
}
