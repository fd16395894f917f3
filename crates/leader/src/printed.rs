//! What an interpreter prints while it comes up: the end of it is the reason if it does not.

/// How much is kept, in bytes.
const MOST: usize = 500;

/// The end of what was printed.
#[derive(Debug, Default)]
pub(crate) struct Printed(String);

impl Printed {
    /// More was printed.
    pub(crate) fn add(&mut self, text: &str) {
        self.0.push_str(text);
        let surplus = self.0.len().saturating_sub(MOST);
        let cut = (surplus..).find(|at| self.0.is_char_boundary(*at)).unwrap_or(0);
        self.0.drain(..cut);
    }

    /// Why process `pid`, which has ended like this, has not come up.
    pub(crate) fn failure(&self, pid: u32, end: &str) -> String {
        match self.0.trim() {
            "" => format!("process {pid} {end} before it was ready, and printed nothing"),
            printed => {
                let printed = printed.lines().collect::<Vec<_>>().join(" | ");
                format!("process {pid} {end} before it was ready. It printed: {printed}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_was_printed_is_kept() {
        let mut printed = Printed::default();
        assert!(printed.failure(1, "exited").ends_with("printed nothing"));
        printed.add(&"ä".repeat(400));
        printed.add("\nend");
        let failure = printed.failure(1, "exited");
        assert!(failure.ends_with("ää | end") && printed.0.len() <= MOST, "{failure}");
    }
}
