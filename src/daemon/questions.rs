//! Answers workers that ask for httpd's scoreboard (`mod_wsgi.server_metrics()`, `server-metrics=On`).
//!
//! One thread in each httpd child, if there is such a group at all. It sleeps until somebody asks; of all children
//! one wakes. It has ended when the child's pool is cleared, before httpd unmaps anything. The protocol, and why
//! nobody can make it wait, is in [`contract::question`].

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use contract::question;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::Groups;
use super::sockets::Sockets;
use crate::apache::fence::{Nothing, fence};
use crate::apache::scoreboard::scoreboard;
use crate::apache::{Pool, thread};

/// The end of the child; groups have their number in the list.
const END: u64 = u64::MAX;

/// In a child: starts the thread, if a group wants it.
pub(super) fn listen(groups: &Groups, child: Pool<'static>) -> io::Result<()> {
    let wanted = groups.iter().filter(|group| group.settings.server_metrics);
    let asking: Vec<_> = wanted.filter_map(|group| group.sockets.as_ref().ok()).map(Arc::clone).collect();
    if asking.is_empty() {
        return Ok(());
    }
    let end = eventfd(0, EventfdFlags::CLOEXEC)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &end, EventData::new_u64(END), EventFlags::IN)?;
    for (number, sockets) in (0..).zip(&asking) {
        let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
        epoll::add(&epoll, &sockets.question, EventData::new_u64(number), flags)?;
    }
    let thread = thread::spawn("wsgi-questions", move || answer_all(&epoll, &asking))?;
    child.on_clear(move || {
        let _ = rustix::io::write(&end, &1_u64.to_ne_bytes());
        let _ = thread.join();
    });
    Ok(())
}

/// Until the child ends.
fn answer_all(epoll: &OwnedFd, asking: &[Arc<Sockets>]) {
    let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(END) }; 8];
    loop {
        let count = match epoll::wait(epoll, &mut events, None) {
            Err(Errno::INTR) => 0,
            Err(_) => return,
            Ok(count) => count,
        };
        for event in events.iter().take(count) {
            let sockets = usize::try_from(event.data.u64()).ok().and_then(|number| asking.get(number));
            let Some(sockets) = sockets else { return }; // the child ends
            fence("a question of a worker", || {
                answer(epoll, sockets);
                Nothing
            });
        }
    }
}

/// One at a time, so that the end of the child is noticed however much is asked.
fn answer(epoll: &OwnedFd, sockets: &Sockets) {
    match question::receive(sockets.question.as_fd()) {
        Ok(Some(reply)) => {
            // A worker that does not wait any more, or has sent something else than a socket, gets nothing.
            let _ = question::answer(reply.as_fd(), scoreboard().as_ref());
        }
        Ok(None) => {} // another child was faster
        Err(_) => {
            let _ = epoll::delete(epoll, &sockets.question); // nobody is left who could ask
        }
    }
}
