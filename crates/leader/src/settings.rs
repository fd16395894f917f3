//! What the httpd parent handed over: settings and descriptors, checked.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use contract::Mismatch;
use contract::area::Area;
use contract::inherited::take;
use contract::launch::{AREA_FD, CONTROL_FD, Leader, OVERFLOW_FD, QUESTION_FD, SETTINGS_FD, SLOT_FD};
use serde::Deserialize;
use thiserror::Error;

/// Everything a leader starts with.
pub(crate) struct Given {
    pub(crate) settings: Leader,
    /// Towards the parent.
    pub(crate) parent: OwnedFd,
    pub(crate) area: Area,
    pub(crate) area_file: OwnedFd,
    pub(crate) overflow: OwnedFd,
    /// Where workers ask for httpd's scoreboard; for them only.
    pub(crate) question: OwnedFd,
    /// The workers' ends, by slot.
    pub(crate) slots: Vec<OwnedFd>,
    /// Towards the leader of the generation before.
    pub(crate) previous: Option<OwnedFd>,
    /// Closed at its other end when it is this leader's turn to start processes.
    pub(crate) turn: Option<OwnedFd>,
    /// Closed when it is the next one's.
    pub(crate) next: Option<OwnedFd>,
}

/// Why the leader cannot work with what it was given.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    #[error("cannot map the statistics area: {0}; mod_wsgi.so and mod_wsgi_leader must be of one build")]
    Area(#[source] io::Error),
    #[error(transparent)]
    Contract(#[from] Mismatch),
    #[error(
        "descriptor {number} is missing ({source}); mod_wsgi_leader is started by mod_wsgi.so, not by hand"
    )]
    Descriptor { number: i32, source: io::Error },
    #[error("cannot read the settings: {0}; mod_wsgi.so and mod_wsgi_leader must be of one build")]
    Json(#[from] serde_json::Error),
    #[error("cannot read the settings: {0}")]
    Read(#[source] io::Error),
}

/// The two fields that every version of the settings has.
#[derive(Deserialize)]
struct Origin {
    contract: u32,
    module: PathBuf,
}

/// Takes everything over. Must be the first thing in the program that touches descriptors.
pub(crate) fn read() -> Result<Given, SettingsError> {
    let mut text = String::new();
    let mut file = File::from(descriptor(SETTINGS_FD)?);
    file.rewind().and_then(|()| file.read_to_string(&mut text)).map_err(SettingsError::Read)?;
    let settings = parse(&text, &std::env::current_exe().unwrap_or_else(|_| "mod_wsgi_leader".into()))?;

    let count = slots(settings.processes);
    let area_file = descriptor(AREA_FD)?;
    let area =
        Area::map(&area_file, count as usize, settings.threads as usize).map_err(SettingsError::Area)?;
    let slots =
        (0..count).map(|n| descriptor(SLOT_FD.saturating_add_unsigned(n))).collect::<Result<_, _>>()?;
    let mut behind = SLOT_FD.saturating_add_unsigned(count)..;
    let mut next = |is_there: bool| behind.by_ref().take(is_there.into()).next().map(descriptor).transpose();
    let previous = next(settings.takes_over)?;
    let turn = next(settings.waits_for_turn)?;
    let next = next(settings.passes_turn)?;
    Ok(Given {
        parent: descriptor(CONTROL_FD)?,
        overflow: descriptor(OVERFLOW_FD)?,
        question: descriptor(QUESTION_FD)?,
        settings,
        area,
        area_file,
        slots,
        previous,
        turn,
        next,
    })
}

/// Room for the workers of two generations.
pub(crate) fn slots(processes: u32) -> u32 {
    processes.max(1).saturating_mul(2)
}

fn descriptor(number: i32) -> Result<OwnedFd, SettingsError> {
    take(number).map_err(|source| SettingsError::Descriptor { number, source })
}

fn parse(text: &str, leader: &Path) -> Result<Leader, SettingsError> {
    let origin: Origin = serde_json::from_str(text)?;
    Mismatch::check(&origin.module, origin.contract, leader)?;
    Ok(serde_json::from_str(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_contract_is_refused_by_naming_both_files() {
        let text = r#"{"contract": 99, "module": "/usr/lib/mod_wsgi.so", "something": "new"}"#;
        let error = parse(text, Path::new("/opt/mod_wsgi_leader")).expect_err("version 99").to_string();
        assert!(error.contains("/usr/lib/mod_wsgi.so speaks contract version 99"), "{error}");
        assert!(error.contains(&format!("/opt/mod_wsgi_leader speaks {}", contract::VERSION)), "{error}");
    }

    #[test]
    fn junk_is_refused() {
        assert!(matches!(parse("{", Path::new("l")), Err(SettingsError::Json(_))));
        let text = format!(r#"{{"contract": {}, "module": "m"}}"#, contract::VERSION);
        assert!(matches!(parse(&text, Path::new("l")), Err(SettingsError::Json(_))));
    }
}
