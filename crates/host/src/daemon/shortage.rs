//! A worker that has run out of memory or of file descriptors. Its application has used them up and keeps them, so that
//! one request after the other would fail: it is replaced.
//!
//! It is looked for when a request has failed, whether the application has let us see the exception or has answered with
//! a page of its own.

use std::os::fd::AsFd;

use contract::control::FromWorker;
use contract::level;
use contract::reason::Reason;
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Resource, getrlimit};

use super::shared::{Mode, Shared};
use crate::log::log;
use crate::python::memory;

impl Shared {
    /// Looks whether it is for want of something that a request has failed.
    pub(super) fn look_for_shortage(&self) {
        if fcntl_dupfd_cloexec(self.control.as_fd(), 0).is_err_and(|error| error == Errno::MFILE) {
            self.no_descriptors();
        } else if memory::is_short() && self.lacks(Reason::MemoryLimit) {
            let group = &self.settings.group.python.process_group;
            let text = format!(
                "process group '{group}': a request has failed, and next to nothing is left of the memory that this process \
                 may have (memory-limit, virtual-memory-limit): it is replaced. Raise the limit, or find out what keeps so \
                 much of it"
            );
            log(level::ERROR, &text);
        }
    }

    /// No descriptor is left for another connection: what has been taken is served, then the process ends.
    pub(super) fn no_descriptors(&self) {
        if self.lacks(Reason::DescriptorLimit) {
            let (group, pid) = (&self.settings.group.python.process_group, self.pid);
            let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
            let text = format!(
                "process group '{group}': this process has used up its {limit} file descriptors: it is replaced. Find out what \
                 leaves files or sockets open (ls -l /proc/{pid}/fd tells, while it lasts), or raise the limit (ulimit -n)"
            );
            log(level::ERROR, &text);
        }
        self.enter(Mode::Draining);
    }

    /// Tells the leader once. True if that is news.
    fn lacks(&self, reason: Reason) -> bool {
        let is_news = self.shortage.set(reason).is_ok();
        if is_news {
            self.tell(&FromWorker::Retire { reason });
        }
        is_news
    }
}
