//! What a request has cost, for httpd's logs: the payload of a `Costs` frame, and what the host hands to the module in
//! embedded mode. Sent only for requests with [`crate::request::Flags::COSTS`].

use crate::wire::{Reader, WireError, Writer};

/// Times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Costs {
    /// The process that ran it, as it knows itself.
    pub pid: u32,
    /// From httpd's receipt of the request until it looked for a thread; in embedded mode until the application was entered.
    pub server: u64,
    /// Until a worker had it; 0 in embedded mode, as the next.
    pub queue: u64,
    /// Until the application was entered.
    pub daemon: u64,
    /// Until the application had finished.
    pub application: u64,
    /// Of that, waits for the GIL.
    pub gil_wait: u64,
    /// CPU time of the request's thread.
    pub cpu: u64,
}

impl Costs {
    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u32(self.pid);
        for time in [self.server, self.queue, self.daemon, self.application, self.gil_wait, self.cpu] {
            writer.u64(time);
        }
    }

    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        let costs = Self {
            pid: reader.u32("process id")?,
            server: reader.u64("server time")?,
            queue: reader.u64("queue time")?,
            daemon: reader.u64("daemon time")?,
            application: reader.u64("application time")?,
            gil_wait: reader.u64("wait for the GIL")?,
            cpu: reader.u64("CPU time")?,
        };
        reader.end("Costs").map(|()| costs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn costs_come_back(pid: u32, times: [u64; 6]) {
            let [server, queue, daemon, application, gil_wait, cpu] = times;
            let costs = Costs { pid, server, queue, daemon, application, gil_wait, cpu };
            let mut out = Vec::new();
            costs.encode(&mut out);
            prop_assert_eq!(Costs::decode(&out), Ok(costs));
        }

        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            let _ = Costs::decode(&bytes);
        }
    }

    #[test]
    fn cuts_and_excess_are_noticed() {
        let mut out = Vec::new();
        Costs::default().encode(&mut out);
        for end in 0..out.len() {
            assert!(Costs::decode(&out[..end]).is_err(), "cut at {end}");
        }
        out.push(0);
        assert!(Costs::decode(&out).is_err());
    }
}
