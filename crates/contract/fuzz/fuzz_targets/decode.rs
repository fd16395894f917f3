//! Everything that reads bytes of another process: no input may make it panic, and what it accepts must come out as
//! it went in.

#![no_main]

use contract::frame::{self, HEADER, Kind};
use contract::request::Request;
use contract::response::{End, FilePart, Head, Log, Reject, Taken};
use contract::verdict::Verdict;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok(Some((header, payload, used))) = frame::split(rest) {
        assert_eq!(used, HEADER + payload.len());
        assert!(payload.len() <= header.kind.limit());
        decode(header.kind, payload);
        rest = &rest[used..];
    }
    if let Some((kind, payload)) = data.split_first() {
        let kinds = [Kind::Request, Kind::Head, Kind::Log, Kind::End, Kind::Taken, Kind::File, Kind::Reject, Kind::Verdict];
        decode(kinds[usize::from(*kind) % kinds.len()], payload);
    }
});

fn decode(kind: Kind, payload: &[u8]) {
    let mut again = Vec::new();
    let accepted = match kind {
        Kind::Request => {
            if let Ok(request) = Request::decode(payload) {
                let _ = request.environ.iter().count();
            }
            false
        }
        Kind::Taken => Taken::decode(payload).map(|taken| taken.encode(&mut again)).is_ok(),
        Kind::Head => Head::decode(payload)
            .map(|head| Head::encode(&mut again, head.status, head.reason, head.headers()))
            .is_ok(),
        Kind::File | Kind::BodyFile => FilePart::decode(payload).map(|part| part.encode(&mut again)).is_ok(),
        Kind::Log => Log::decode(payload).map(|log| log.encode(&mut again)).is_ok(),
        Kind::End => End::decode(payload)
            .map(|end| {
                end.encode(&mut again);
                again[2] = payload[2]; // any number but 0 is "keep"
            })
            .is_ok(),
        Kind::Reject => Reject::decode(payload).map(|reject| reject.encode(&mut again)).is_ok(),
        Kind::Verdict => Verdict::decode(payload).map(|verdict| verdict.encode(&mut again)).is_ok(),
        Kind::Body | Kind::BodyEnd | Kind::GoAway | Kind::Lookup | Kind::Value => false,
    };
    assert!(!accepted || again == payload);
}
