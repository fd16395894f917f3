//! `mod_wsgi_leader`: starts, watches, replaces and stops the worker processes of one process group.
//!
//! It is exec'd by the httpd parent, once per group and httpd generation, as the group's user, with the descriptors
//! of [`contract::launch`]. It runs neither Python nor any code of an application, so that nothing in a virtual
//! environment can break supervision, and it is not in the path of requests.
//!
//! The map, top down:
//! - [`settings`]: what it was given; [`log`]: where its lines go; [`signals`]: signals as readable sockets
//! - [`run`]: the one loop: turns what is ready (`run::wait`) into events, and actions into system calls
//! - [`supervise`]: every decision, pure: an [`event`] in, actions out; with [`reload`] (replacing workers), [`rolling`]
//!   (for changed scripts that the old workers serve meanwhile), [`gate`] (one at a time), [`shrink`] (fewer of them),
//!   [`ends`] (workers that end), [`limits`] (how long things may take) and [`generations`] (taking over from, and giving
//!   way to, another leader), [`turn`] (waiting for other groups' leaders at the start) as parts of it
//! - [`elastic`]: how many processes there are to be under a load, and [`resize`]: what follows
//! - [`worker`]: the states of one worker, [`look`]: what the shared area shows of it; [`backoff`]: when the next start may be
//! - [`template`]: for preload=on, below [`supervise`] and as pure: from which process workers are forked (`run::nursery`)
//! - [`spawn`]: how a worker is started, [`exec`]: by whom, [`process`]: how a child is watched, [`control`]: how it is
//!   spoken to, [`printed`]: what it printed; [`repair`]: what ended workers and children leave behind

#![forbid(unsafe_code)]

mod backoff;
mod control;
mod elastic;
mod ends;
mod event;
mod exec;
mod gate;
mod generations;
mod limits;
mod log;
mod look;
mod printed;
mod process;
mod reload;
mod repair;
mod resize;
mod rolling;
mod run;
mod settings;
mod shrink;
mod signals;
mod spawn;
mod supervise;
mod template;
mod turn;
mod worker;

use std::path::Path;
use std::process::ExitCode;

use contract::launch::{EXIT_FAILED, EXIT_UNUSABLE};

use crate::exec::EXECUTE;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if let (Some(_), Some(interpreter)) =
        (arguments.next().filter(|first| first == EXECUTE), arguments.next())
    {
        return exec::execute(Path::new(&interpreter), arguments);
    }
    let given = match settings::read() {
        Ok(given) => given,
        Err(error) => {
            log::init("?", contract::level::ERROR, None);
            tracing::error!("{error}");
            return ExitCode::from(EXIT_UNUSABLE as u8);
        }
    };
    let python = &given.settings.python;
    log::init(&python.process_group, python.log_level, given.settings.syslog.clone());
    match run::run(given) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the leader cannot go on: {error}; httpd starts another");
            ExitCode::from(EXIT_FAILED as u8)
        }
    }
}
