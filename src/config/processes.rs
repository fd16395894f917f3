//! `processes=` of WSGIDaemonProcess: a number, or a range within which it follows the load.

use contract::launch::Elastic;

use super::values::{Milliseconds, Seconds, Value};

/// Most processes of a group.
const MOST: u32 = 1000;
/// How long requests wait before an elastic group grows, unless it says something else.
const GROW_AFTER: Milliseconds = Milliseconds(300);
/// For how long an elastic group has a process too many before it shrinks, unless it says something else.
const SHRINK_AFTER: Seconds = Seconds(60);

/// How many processes a group has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Processes {
    pub(crate) least: u32,
    pub(crate) most: u32,
}

impl Processes {
    /// Whether their number follows the load.
    pub(crate) fn is_range(self) -> bool {
        self.least < self.most
    }

    /// How it does, if it does.
    pub(crate) fn elastic(
        self,
        grow_after: Option<Milliseconds>,
        shrink_after: Option<Seconds>,
    ) -> Option<Elastic> {
        self.is_range().then(|| Elastic {
            least: self.least,
            grow_after: grow_after.unwrap_or(GROW_AFTER).0,
            shrink_after: shrink_after.unwrap_or(SHRINK_AFTER).0,
        })
    }
}

impl Value for Processes {
    const EXPECTED: &'static str = "it is a number from 1 to 1000 (as 4), or the fewest and the most, if the number \
                                    follows the load (as 2-8, or 0-8 to start on demand)";

    fn parse(word: &[u8]) -> Option<Self> {
        let number = |digits: &[u8]| {
            let is_plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            std::str::from_utf8(digits).ok().filter(|_| is_plain)?.parse::<u32>().ok()
        };
        let (least, most) = match word.iter().position(|byte| *byte == b'-') {
            Some(at) => (number(word.get(..at)?)?, number(word.get(at + 1..)?)?),
            None => (number(word)?, number(word)?),
        };
        ((1..=MOST).contains(&most) && least <= most).then_some(Self { least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_a_range() {
        let read = |word: &str| Processes::parse(word.as_bytes()).map(|found| (found.least, found.most));
        for (word, found) in
            [("1", (1, 1)), ("1000", (1000, 1000)), ("2-8", (2, 8)), ("0-1", (0, 1)), ("3-3", (3, 3))]
        {
            assert_eq!(read(word), Some(found), "{word}");
        }
        for word in
            ["", "0", "-1", "0-0", "8-2", "1-1001", "1001", "1-", "-", "1-2-3", "1 - 2", "+1", "1-+2", "a-b"]
        {
            assert_eq!(read(word), None, "{word}");
        }
    }

    #[test]
    fn only_a_range_follows_the_load() {
        let elastic = |word: &str| Processes::parse(word.as_bytes()).unwrap().elastic(None, Some(Seconds(5)));
        assert_eq!(elastic("0-4"), Some(Elastic { least: 0, grow_after: 300, shrink_after: 5 }));
        assert_eq!((elastic("4"), elastic("4-4")), (None, None));
    }
}
