//! Environment variables that may be secrets: what `env=` and `env-file=` of a process group say.
//!
//! Their values go to the workers and nowhere else. So nothing prints them: `Debug` shows the names alone.

use std::ffi::{OsStr, OsString};
use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest variable that the kernel gives to a new process: `NAME=value` and a NUL in 32 pages.
const LONGEST: usize = 32 * 4096;

/// Variables in the order in which they were first given; each name once.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variables(Vec<(OsString, OsString)>);

impl Variables {
    /// Sets a variable, in place of one of the same name.
    pub fn set(&mut self, name: OsString, value: OsString) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Sets all variables of `other`.
    pub fn set_all(&mut self, other: &Self) {
        for (name, value) in other.iter() {
            self.set(name.to_owned(), value.to_owned());
        }
    }

    /// Removes a variable.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a process can be given a variable of this length.
pub fn fits(name: &[u8], value: &[u8]) -> bool {
    name.len() + value.len() + 2 <= LONGEST
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        let mut all = Variables::default();
        pairs.iter().for_each(|(name, value)| all.set(name.into(), value.into()));
        all
    }

    #[test]
    fn the_last_value_wins() {
        let mut all = variables(&[("A", "1"), ("B", "2"), ("A", "3")]);
        assert_eq!(all, variables(&[("A", "3"), ("B", "2")]));
        all.set_all(&variables(&[("B", "4"), ("C", "5")]));
        all.remove("A");
        assert_eq!(all, variables(&[("B", "4"), ("C", "5")]));
    }

    #[test]
    fn values_are_not_printed() {
        let text = format!("{:?}", variables(&[("KEY", "hidden")]));
        assert!(text.contains("KEY") && !text.contains("hidden"), "{text}");
    }

    #[test]
    fn bytes_survive_the_settings() {
        let mut all = Variables::default();
        all.set("A".into(), OsString::from_vec(vec![0xff, b'\n', 1]));
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Variables>(&text).unwrap(), all);
    }

    #[test]
    fn the_kernel_has_a_limit() {
        assert!(fits(b"A", &[b'x'; LONGEST - 3]) && !fits(b"A", &[b'x'; LONGEST - 2]));
    }
}
