//! What `mod_wsgi.server_metrics()` shows: a copy of httpd's scoreboard, as bytes and back.
//!
//! The module takes the copy, in embedded mode for its own process, in daemon mode as the answer to a
//! [`crate::question`]. Instants are microseconds since the epoch, 0 is never. Texts are bytes that httpd cut to its
//! own limits; applications see them as latin-1.

use crate::wire::{Reader, WireError, Writer};

/// Longest text of one entry, in bytes; httpd's longest has 64.
pub const MAX_TEXT: usize = 255;
/// Most processes, and most threads in each: httpd's own limit is 200,000 for the one and 20,000 for the other.
const MAX_ENTRIES: u32 = 1_000_000;

/// The whole of it: every slot, used or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scoreboard {
    /// ServerLimit.
    pub server_limit: u32,
    /// ThreadLimit.
    pub thread_limit: u32,
    /// httpd's generation.
    pub generation: u32,
    /// When httpd was started, or restarted the last time.
    pub restart_time: u64,
    /// When the copy was taken.
    pub current_time: u64,
    /// By slot.
    pub processes: Vec<Process>,
}

/// The slot of one httpd child.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Its process id; 0 before the slot was used.
    pub pid: u32,
    /// The generation that it belongs to.
    pub generation: u32,
    /// It finishes what it has, and ends.
    pub quiescing: bool,
    /// By slot.
    pub workers: Vec<Worker>,
}

/// The slot of one thread of an httpd child.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Worker {
    /// The generation that it belongs to.
    pub generation: u32,
    /// What it does, as the letter that mod_status shows.
    pub status: Status,
    /// Requests that it has answered.
    pub access_count: u64,
    /// Bytes that it has sent.
    pub bytes_served: u64,
    /// When its last request began.
    pub start_time: u64,
    /// When its last request ended.
    pub stop_time: u64,
    /// When it last changed its status.
    pub last_used: u64,
    /// The client's address.
    pub client: Vec<u8>,
    /// The request line.
    pub request: Vec<u8>,
    /// The virtual host.
    pub vhost: Vec<u8>,
}

/// What a thread of httpd does, in httpd's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status(pub u8);

impl Status {
    /// The letter of mod_status; a number that this httpd has and we do not know is shown as dead.
    pub fn letter(self) -> char {
        const LETTERS: &[u8; 11] = b".S_RWKLDCGI";
        LETTERS.get(usize::from(self.0)).copied().map_or('.', char::from)
    }
}

impl Scoreboard {
    /// Whole seconds since the start or restart.
    pub fn running_time(&self) -> u64 {
        self.current_time.saturating_sub(self.restart_time) / 1_000_000
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.u32(self.server_limit);
        writer.u32(self.thread_limit);
        writer.u32(self.generation);
        writer.u64(self.restart_time);
        writer.u64(self.current_time);
        writer.u32(self.processes.len() as u32);
        for process in &self.processes {
            writer.u32(process.pid);
            writer.u32(process.generation);
            writer.u8(process.quiescing.into());
            writer.u32(process.workers.len() as u32);
            process.workers.iter().for_each(|worker| worker.encode(&mut writer));
        }
        out
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let mut scoreboard = Self {
            server_limit: reader.u32("server limit")?,
            thread_limit: reader.u32("thread limit")?,
            generation: reader.u32("generation")?,
            restart_time: reader.u64("restart time")?,
            current_time: reader.u64("current time")?,
            processes: Vec::new(),
        };
        for _ in 0..count(&mut reader, "number of processes")? {
            let mut process = Process {
                pid: reader.u32("process id")?,
                generation: reader.u32("generation")?,
                quiescing: reader.u8("quiescing")? != 0,
                workers: Vec::new(),
            };
            for _ in 0..count(&mut reader, "number of threads")? {
                process.workers.push(Worker::decode(&mut reader)?);
            }
            scoreboard.processes.push(process);
        }
        reader.end("scoreboard")?;
        Ok(scoreboard)
    }
}

impl Worker {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.u32(self.generation);
        writer.u8(self.status.0);
        writer.u64(self.access_count);
        writer.u64(self.bytes_served);
        writer.u64(self.start_time);
        writer.u64(self.stop_time);
        writer.u64(self.last_used);
        for text in [&self.client, &self.request, &self.vhost] {
            writer.bytes(text.get(..MAX_TEXT).unwrap_or(text));
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            generation: reader.u32("generation")?,
            status: Status(reader.u8("status")?),
            access_count: reader.u64("access count")?,
            bytes_served: reader.u64("bytes served")?,
            start_time: reader.u64("start time")?,
            stop_time: reader.u64("stop time")?,
            last_used: reader.u64("last used")?,
            client: reader.bytes("client", MAX_TEXT)?.to_vec(),
            request: reader.bytes("request line", MAX_TEXT)?.to_vec(),
            vhost: reader.bytes("virtual host", MAX_TEXT)?.to_vec(),
        })
    }
}

/// A number of entries. Entries are pushed one by one as they are read, so a lie costs nothing but an error.
fn count(reader: &mut Reader<'_>, what: &'static str) -> Result<u32, WireError> {
    let count = reader.u32(what)?;
    if count > MAX_ENTRIES {
        return Err(WireError::BadValue { what, value: count.into() });
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    prop_compose! {
        fn worker()(
            generation: u32,
            status in 0..12_u8,
            numbers: [u64; 5],
            texts in vec(vec(any::<u8>(), 0..=MAX_TEXT), 3),
        ) -> Worker {
            let [access_count, bytes_served, start_time, stop_time, last_used] = numbers;
            let [client, request, vhost] = texts.try_into().unwrap();
            let status = Status(status);
            Worker {
                generation, status, access_count, bytes_served, start_time, stop_time, last_used, client, request, vhost,
            }
        }
    }

    prop_compose! {
        fn process()(pid: u32, generation: u32, quiescing: bool, workers in vec(worker(), 0..4)) -> Process {
            Process { pid, generation, quiescing, workers }
        }
    }

    prop_compose! {
        fn scoreboard()(
            [server_limit, thread_limit, generation]: [u32; 3],
            [restart_time, current_time]: [u64; 2],
            processes in vec(process(), 0..4),
        ) -> Scoreboard {
            Scoreboard { server_limit, thread_limit, generation, restart_time, current_time, processes }
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(scoreboard in scoreboard()) {
            let bytes = scoreboard.encode();
            prop_assert_eq!(Scoreboard::decode(&bytes), Ok(scoreboard));
        }

        #[test]
        fn every_cut_is_an_error(scoreboard in scoreboard(), at in any::<prop::sample::Index>()) {
            let bytes = scoreboard.encode();
            prop_assert!(Scoreboard::decode(&bytes[..at.index(bytes.len())]).is_err());
        }

        #[test]
        fn junk_does_no_harm(junk in vec(any::<u8>(), 0..300)) {
            let _ = Scoreboard::decode(&junk);
        }
    }

    #[test]
    fn statuses_have_the_letters_of_mod_status() {
        let letters: String = (0..13).map(|number| Status(number).letter()).collect();
        assert_eq!(letters, ".S_RWKLDCGI..");
    }

    #[test]
    fn lies_about_numbers_are_refused() {
        let mut bytes = Scoreboard::default().encode();
        let at = bytes.len() - 4;
        bytes[at..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(Scoreboard::decode(&bytes), Err(WireError::BadValue { .. })));
    }

    #[test]
    fn whole_seconds_since_the_start() {
        let at =
            |restart_time, current_time| Scoreboard { restart_time, current_time, ..Scoreboard::default() };
        assert_eq!(at(1_000_000, 3_999_999).running_time(), 2);
        assert_eq!(at(5, 0).running_time(), 0, "a clock that was set back");
    }
}
