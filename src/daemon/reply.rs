//! What a request is to bring back: a response for the client ([`super::answer`]), or a verdict ([`super::ruling`]).

use contract::frame::{Header, Kind};
use contract::response::{End, Log, Outcome, Reject, Taken};

use super::error::Broken;
use super::incoming::Piece;
use crate::apache::{ClientGone, HandlerResult, Request};
use std::time::Duration;

/// What a piece means for the conversation.
#[derive(Debug)]
pub(super) enum Turn {
    /// More will come.
    On,
    /// The request has a thread.
    Taken,
    /// The request was not run; the worker never had it.
    GoAway,
    /// A script wants to know this variable of mod_ssl.
    Lookup(Vec<u8>),
    /// The request was not run.
    Rejected(Reject),
    /// The request is over.
    Over(End),
    /// The client is gone; nobody needs the rest.
    ClientGone,
}

/// What comes back from a worker, and what becomes of it. Without a client to send to, nothing waits for one.
pub(super) trait Reply {
    /// Takes what the worker sent.
    fn take(&mut self, piece: Piece<'_>) -> Result<Turn, Broken>;
    /// What the worker said when it took the request.
    fn taken(&self) -> Option<Taken>;
    /// Another worker gets the request: what the last one said about itself is forgotten.
    fn forget_taken(&mut self);
    /// Whether the worker has begun to answer, so that the request cannot be sent again.
    fn is_begun(&self) -> bool;
    /// Ends it as the worker's END says.
    fn finish(&mut self, outcome: Outcome) -> HandlerResult;
    /// The client is gone.
    fn give_up(&self) -> HandlerResult;
    /// Ends it with a failure.
    fn refuse(&mut self, status: u16) -> HandlerResult;

    /// Whether it is a verdict, for which there is a time, whatever else comes.
    fn is_verdict(&self) -> bool {
        false
    }

    /// Whether something waits to be sent to the client, and could be.
    fn is_pending(&self) -> bool {
        false
    }

    /// Whether something waits for room in the client's socket.
    fn is_blocked(&self) -> bool {
        false
    }

    /// Whether the worker must wait until the client has taken something.
    fn is_full(&self) -> bool {
        false
    }

    /// How long at most the worker waits now, if that is only for a client that has kept up so far.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// After how long [`Self::resume`] is due if something waits for room that the client's socket would not tell of.
    fn turn(&self) -> Option<Duration> {
        None
    }

    /// For how long the worker may be silent before [`Self::flush`]: `usual`, or less if that has passed already.
    fn delay(&self, usual: Duration) -> Duration {
        usual
    }

    /// Sends what is pending, as far as the client's socket has room.
    fn flush(&mut self) -> Result<(), ClientGone> {
        Ok(())
    }

    /// Sends more of what waits for room in the client's socket, if there is some; fails after its time-out.
    fn resume(&mut self) -> Result<(), ClientGone> {
        Ok(())
    }
}

/// The frames that every reply understands.
pub(super) fn common(
    reply: &impl Reply,
    request: Request<'_>,
    header: Header,
    payload: &[u8],
) -> Result<Turn, Broken> {
    match header.kind {
        Kind::Log => {
            let log = Log::decode(payload)?;
            request.log_at(log.level.clamp(1, 15), log.text, log.file, log.line);
            Ok(Turn::On)
        }
        Kind::End => {
            let end = End::decode(payload)?;
            match end.outcome {
                Outcome::Complete if !reply.is_begun() => Err(Broken::Order("END before an answer")),
                _ => Ok(Turn::Over(end)),
            }
        }
        Kind::Reject if !reply.is_begun() => {
            Reject::decode(payload).map(Turn::Rejected).map_err(Broken::from)
        }
        Kind::GoAway if !reply.is_begun() && reply.taken().is_none() => Ok(Turn::GoAway),
        Kind::Reject => Err(Broken::Order("REJECT")),
        Kind::GoAway => Err(Broken::Order("GOAWAY")),
        Kind::Head | Kind::Body | Kind::File | Kind::Costs => {
            Err(Broken::Order("a response where a verdict was asked for"))
        }
        Kind::Lookup | Kind::Verdict => Err(Broken::Order("a verdict where a response was asked for")),
        Kind::Request | Kind::BodyEnd | Kind::BodyFile | Kind::Taken | Kind::Value => {
            Err(Broken::Order("a frame for workers"))
        }
    }
}
