//! Text within HTML. Everything that is shown goes through [`Escaped`], for URLs are written by anybody.

use std::fmt::{self, Display, Formatter, Write};

/// Shows a text as text, within an element or a quoted attribute.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaper(f), "{}", self.0)
    }
}

struct Escaper<'a, 'f>(&'a mut Formatter<'f>);

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|char| match char {
            '&' => self.0.write_str("&amp;"),
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '"' => self.0.write_str("&quot;"),
            '\'' => self.0.write_str("&#39;"),
            // These turn the direction of what follows, so that an address looks like another.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                self.0.write_char('\u{fffd}')
            }
            other => self.0.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        let hostile = "<script>\"'&amp;</script>\u{202e}";
        let shown = "&lt;script&gt;&quot;&#39;&amp;amp;&lt;/script&gt;\u{fffd}";
        assert_eq!(Escaped(hostile).to_string(), shown);
        assert_eq!(Escaped(17).to_string(), "17");
    }
}
