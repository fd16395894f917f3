//! The request body as `wsgi.input` sees it: lines and blocks over the pieces of an exchange. No Python here.

use std::io;

use contract::frame::BODY_PIECE;
use thiserror::Error;

/// The first piece is small, since most bodies are.
const FIRST_PIECE: usize = 16 << 10;

/// Room behind what is announced: mostly for the end, but a filter that inflates brings more.
const BEHIND: usize = 1 << 10;

/// What is asked for at once, and is announced, goes straight to the application within these bounds. Beyond them the
/// client would only have to announce much to have memory taken for it.
const DIRECT: std::ops::RangeInclusive<usize> = 16 << 10..=1 << 20;

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InputError {
    /// The body could not be read to its end, now or before.
    #[error("mod_wsgi request data read error: {0}")]
    Broken(String),
    /// The request has ended.
    #[error("wsgi.input was used after its request had ended")]
    Over,
}

/// What the application asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Everything that is left.
    All,
    /// So many bytes, or what is left.
    Exactly(usize),
    /// Through the next newline, at most so many bytes.
    Line(Option<usize>),
}

/// A request body.
#[derive(Debug)]
pub(crate) struct Body {
    /// What has been read and not been asked for: from `start` to `end`. Behind that is room.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How much of what the request has announced is still to be read; none if it is not known, or there was more.
    announced: Option<u64>,
    state: State,
    begun: bool,
    reads: u64,
}

#[derive(Debug)]
enum State {
    Open,
    Ended,
    Broken(String),
}

impl Body {
    /// A body that has not been touched; `empty`: there is none. `announced` is its length, as far as it is known.
    pub(crate) fn new(empty: bool, announced: Option<u64>) -> Self {
        let state = if empty { State::Ended } else { State::Open };
        Self { buffer: Vec::new(), start: 0, end: 0, announced, state, begun: empty, reads: 0 }
    }

    /// The length of the answer to `want`, if [`Body::read`] should give it.
    pub(crate) fn direct(&self, want: Want) -> Option<usize> {
        let Want::Exactly(size) = want else { return None };
        let buffered = self.end - self.start;
        let is_announced = size as u64 <= self.announced.unwrap_or(0).saturating_add(buffered as u64);
        let is_open = matches!(self.state, State::Open);
        (is_open && is_announced && size > buffered && DIRECT.contains(&size)).then_some(size)
    }

    /// Fills `out`, or as much of it as there is before the end; returns how much. `read` is that of [`Body::prepare`].
    pub(crate) fn read(
        &mut self,
        out: &mut [u8],
        mut read: impl FnMut(&mut [u8]) -> Result<io::Result<usize>, InputError>,
    ) -> Result<usize, InputError> {
        self.begun = true;
        let buffered = self.buffer.get(self.start..self.end).unwrap_or_default();
        let mut filled = buffered.len().min(out.len());
        if let (Some(room), Some(buffered)) = (out.get_mut(..filled), buffered.get(..filled)) {
            room.copy_from_slice(buffered);
        }
        self.start += filled;
        while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
            match &self.state {
                State::Open => filled += self.piece(room, &mut read)?,
                State::Ended => break,
                State::Broken(reason) => return Err(InputError::Broken(reason.clone())),
            }
        }
        Ok(filled)
    }

    /// The answer to `want`, if it can be given without reading.
    pub(crate) fn answer(&mut self, want: Want) -> Result<Option<&[u8]>, InputError> {
        let Some(length) = self.length(want)? else { return Ok(None) };
        let from = self.start;
        self.start += length;
        Ok(self.buffer.get(from..self.start))
    }

    /// How long the answer to `want` is, if it can be given without reading.
    fn length(&self, want: Want) -> Result<Option<usize>, InputError> {
        if let State::Broken(reason) = &self.state {
            return Err(InputError::Broken(reason.clone()));
        }
        if want == Want::Exactly(0) && !self.begun {
            return Ok(None); // asks the client to go on (100-continue), without reading
        }
        let rest = self.buffer.get(self.start..self.end).unwrap_or_default();
        let ended = matches!(self.state, State::Ended).then_some(rest.len());
        Ok(match want {
            Want::All => ended,
            Want::Exactly(size) => (rest.len() >= size).then_some(size).or(ended),
            Want::Line(limit) => {
                let limit = limit.unwrap_or(usize::MAX);
                let newline = rest.iter().take(limit).position(|byte| *byte == b'\n').map(|at| at + 1);
                newline.or((rest.len() >= limit).then_some(limit)).or(ended)
            }
        })
    }

    /// Reads until `want` can be answered. `read` reads a piece; 0 is the end.
    pub(crate) fn prepare(
        &mut self,
        want: Want,
        mut read: impl FnMut(&mut [u8]) -> Result<io::Result<usize>, InputError>,
    ) -> Result<(), InputError> {
        if !self.begun {
            self.begun = true;
            if want == Want::Exactly(0) {
                self.fill(0, &mut read)?;
            }
        }
        while self.length(want)?.is_none() {
            self.fill(self.next_piece(), &mut read)?;
        }
        Ok(())
    }

    /// How much is asked for at once: no more than there may be, for memory takes time.
    fn next_piece(&self) -> usize {
        let most = if self.reads == 0 { FIRST_PIECE } else { BODY_PIECE };
        let left = self.announced.and_then(|left| usize::try_from(left).ok());
        left.map_or(most, |left| most.min(left.saturating_add(BEHIND)))
    }

    fn fill(
        &mut self,
        piece: usize,
        read: &mut impl FnMut(&mut [u8]) -> Result<io::Result<usize>, InputError>,
    ) -> Result<(), InputError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let room = self.end..self.end + piece;
        if self.buffer.len() < room.end {
            self.buffer.resize(room.end, 0);
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let length = self.piece(buffer.get_mut(room).unwrap_or_default(), read);
        self.buffer = buffer;
        self.end += length?;
        Ok(())
    }

    /// Reads a piece; how it ended is in the state.
    fn piece(
        &mut self,
        room: &mut [u8],
        read: &mut impl FnMut(&mut [u8]) -> Result<io::Result<usize>, InputError>,
    ) -> Result<usize, InputError> {
        self.reads += 1;
        match read(room)? {
            Ok(0) if !room.is_empty() => self.state = State::Ended,
            Ok(length) => {
                let length = length.min(room.len());
                self.announced = self.announced.and_then(|left| left.checked_sub(length as u64));
                return Ok(length);
            }
            Err(error) => self.state = State::Broken(error.to_string()),
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body whose pieces come as given; an empty one is its end.
    fn body(pieces: &[&str]) -> (Body, impl FnMut(&mut [u8]) -> Result<io::Result<usize>, InputError>) {
        let mut pieces: Vec<Vec<u8>> = pieces.iter().rev().map(|piece| piece.as_bytes().to_vec()).collect();
        let read = move |buffer: &mut [u8]| {
            let piece = pieces.pop().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(Ok(piece.len()))
        };
        (Body::new(false, None), read)
    }

    /// Prepares an answer and gives it.
    fn answered(
        input: &mut Body,
        want: Want,
        read: impl FnMut(&mut [u8]) -> Result<io::Result<usize>, InputError>,
    ) -> Result<Vec<u8>, InputError> {
        input.prepare(want, read)?;
        Ok(input.answer(want)?.expect("it was prepared").to_vec())
    }

    #[test]
    fn reads_like_a_file_of_the_standard_library() {
        let text = "one\ntwo\n\nlonger line\nlast";
        let splits: [&[&str]; 3] = [
            &[text],
            &["on", "e\nt", "wo\n", "\nlonger", " line\nla", "st"],
            &["one\n", "two\n\nlonger line\n", "last"],
        ];
        let expected = ["one\n", "two\n", "\n", "longer line\n", "last", "", ""];
        for pieces in splits {
            let (mut input, mut read) = body(pieces);
            for line in expected {
                assert_eq!(answered(&mut input, Want::Line(None), &mut read).unwrap(), line.as_bytes());
            }
            let (mut input, mut read) = body(pieces);
            assert_eq!(answered(&mut input, Want::Exactly(5), &mut read).unwrap(), b"one\nt");
            assert_eq!(answered(&mut input, Want::Line(Some(2)), &mut read).unwrap(), b"wo");
            assert_eq!(answered(&mut input, Want::Line(Some(2)), &mut read).unwrap(), b"\n");
            assert_eq!(answered(&mut input, Want::Exactly(0), &mut read).unwrap(), b"");
            assert_eq!(answered(&mut input, Want::All, &mut read).unwrap(), b"\nlonger line\nlast");
            assert_eq!(answered(&mut input, Want::Exactly(9), &mut read).unwrap(), b"");
        }
    }

    #[test]
    fn a_failure_is_remembered() {
        let mut input = Body::new(false, None);
        let mut fail = |_: &mut [u8]| Ok(Err(io::Error::other("gone")));
        for _ in 0..2 {
            assert_eq!(answered(&mut input, Want::All, &mut fail), Err(InputError::Broken("gone".into())));
        }
        assert_eq!(input.reads, 1);
    }

    #[test]
    fn nothing_is_read_of_an_empty_body() {
        let mut none = |_: &mut [u8]| panic!("read");
        assert_eq!(answered(&mut Body::new(true, None), Want::All, &mut none).unwrap(), b"");
    }

    #[test]
    fn a_first_read_of_nothing_asks_for_the_body() {
        let mut sizes = Vec::new();
        let mut input = Body::new(false, None);
        assert_eq!(input.answer(Want::Exactly(0)), Ok(None));
        let asked = answered(&mut input, Want::Exactly(0), |buffer| {
            sizes.push(buffer.len());
            Ok(Ok(0))
        });
        assert_eq!((asked.unwrap().len(), sizes), (0, vec![0]));
    }

    #[test]
    fn no_more_is_asked_for_than_there_may_be() {
        let asked_for = |announced, pieces: &[usize]| {
            let (mut sizes, mut pieces) = (Vec::new(), pieces.iter());
            let read = |buffer: &mut [u8]| {
                sizes.push(buffer.len());
                Ok(Ok(pieces.next().copied().unwrap_or(0)))
            };
            answered(&mut Body::new(false, announced), Want::All, read).unwrap();
            sizes
        };
        assert_eq!(asked_for(Some(200), &[200]), [200 + BEHIND, BEHIND]);
        assert_eq!(asked_for(Some(20_000), &[16_000, 4000]), [FIRST_PIECE, 4000 + BEHIND, BEHIND]);
        assert_eq!(asked_for(Some(1 << 40), &[16_000]), [FIRST_PIECE, BODY_PIECE]);
        assert_eq!(asked_for(None, &[200]), [FIRST_PIECE, BODY_PIECE]);
        assert_eq!(asked_for(Some(200), &[1000]), [200 + BEHIND, BODY_PIECE], "a filter has inflated it");
    }

    #[test]
    fn what_was_announced_is_read_in_place() {
        let bytes: Vec<u8> = (0..40_000_u32).map(|number| number as u8).collect();
        let mut rest = bytes.as_slice();
        let mut read = |buffer: &mut [u8]| {
            let (piece, after) = rest.split_at(rest.len().min(buffer.len()).min(7000));
            buffer[..piece.len()].copy_from_slice(piece);
            rest = after;
            Ok(Ok(piece.len()))
        };
        let mut input = Body::new(false, Some(40_000));
        assert_eq!(answered(&mut input, Want::Exactly(5), &mut read).unwrap(), &bytes[..5]);
        assert_eq!(input.direct(Want::Exactly(39_996)), None, "more than there can be");
        assert_eq!(input.direct(Want::Exactly(16_000)), None, "little");
        assert_eq!(input.direct(Want::All), None);
        assert_eq!(input.direct(Want::Exactly(30_000)), Some(30_000));
        let mut out = vec![0; 30_000];
        assert_eq!(input.read(&mut out, &mut read), Ok(30_000));
        assert_eq!(out, &bytes[5..30_005]);
        assert_eq!(input.read(&mut out, &mut read), Ok(9995), "the end comes first");
        assert_eq!(out[..9995], bytes[30_005..]);
        assert_eq!(answered(&mut input, Want::All, &mut read).unwrap(), b"");
    }

    #[test]
    fn a_failure_in_place_is_remembered() {
        let mut input = Body::new(false, Some(100_000));
        let mut fail = |_: &mut [u8]| Ok(Err(io::Error::other("gone")));
        assert_eq!(input.read(&mut [0; 20_000], &mut fail), Err(InputError::Broken("gone".into())));
        assert_eq!(input.direct(Want::Exactly(20_000)), None);
        assert_eq!(answered(&mut input, Want::All, &mut fail), Err(InputError::Broken("gone".into())));
    }
}
