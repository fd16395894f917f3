//! The verdict of a script that runs in a process group. Nothing goes to the client here, whatever the worker sends.

use contract::frame::Kind;
use contract::response::{Outcome, Taken};
use contract::verdict::Verdict;

use super::error::Broken;
use super::incoming::Piece;
use super::reply::{Reply, Turn, common};
use crate::apache::{HandlerResult, Request};

/// A verdict, as far as it has come.
pub(super) struct Ruling<'r> {
    request: Request<'r>,
    taken: Option<Taken>,
    /// The worker runs the script: it has asked something or decided.
    begun: bool,
    verdict: Option<Vec<u8>>,
}

impl<'r> Ruling<'r> {
    pub(super) fn new(request: Request<'r>) -> Self {
        Self { request, taken: None, begun: false, verdict: None }
    }

    /// The payload of the verdict, if the worker has come to one.
    pub(super) fn into_verdict(self) -> Option<Vec<u8>> {
        self.verdict
    }
}

impl Reply for Ruling<'_> {
    fn take(&mut self, piece: Piece<'_>) -> Result<Turn, Broken> {
        let Piece::Frame(header, payload) = piece else {
            return Err(Broken::Order("a response where a verdict was asked for"));
        };
        match header.kind {
            Kind::Taken => {
                self.taken = Some(Taken::decode(payload)?);
                Ok(Turn::Taken)
            }
            Kind::Lookup if self.verdict.is_none() => {
                self.begun = true;
                Ok(Turn::Lookup(payload.to_vec()))
            }
            Kind::Verdict if self.verdict.is_none() => {
                Verdict::decode(payload)?;
                self.begun = true;
                self.verdict = Some(payload.to_vec());
                Ok(Turn::On)
            }
            Kind::Lookup | Kind::Verdict => Err(Broken::Order("more after its verdict")),
            Kind::End if self.begun && self.verdict.is_none() => {
                // A failure of the worker's own may end it; a complete end without a verdict is none.
                match common(self, self.request, header, payload)? {
                    Turn::Over(end) if end.outcome == Outcome::Complete => {
                        Err(Broken::Order("END before a verdict"))
                    }
                    turn => Ok(turn),
                }
            }
            _ => common(self, self.request, header, payload),
        }
    }

    fn taken(&self) -> Option<Taken> {
        self.taken
    }

    fn forget_taken(&mut self) {
        self.taken = None;
    }

    fn is_begun(&self) -> bool {
        self.begun
    }

    fn is_verdict(&self) -> bool {
        true
    }

    fn finish(&mut self, outcome: Outcome) -> HandlerResult {
        match outcome {
            Outcome::Complete => HandlerResult::Done,
            Outcome::Refused(status) => self.refuse(status),
            Outcome::Aborted => self.refuse(500),
        }
    }

    fn give_up(&self) -> HandlerResult {
        HandlerResult::Status(408)
    }

    fn refuse(&mut self, status: u16) -> HandlerResult {
        self.verdict = None;
        HandlerResult::Status(status)
    }
}
