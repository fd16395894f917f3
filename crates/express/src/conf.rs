//! Writes httpd's configuration: lines and sections, each value quoted by the one function for it.
//!
//! Knows nothing of what is configured; a value that cannot be written is kept as an error for [`Conf::finish`].

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::quote::{self, Unwritable};

/// A configuration in the making.
#[derive(Debug, Default)]
pub(crate) struct Conf {
    text: Vec<u8>,
    depth: usize,
    error: Option<Unwritable>,
}

/// What may be a word of a line.
pub(crate) trait Word {
    /// Its text, not quoted.
    fn text(&self) -> OsString;
}

impl Conf {
    /// A directive and its words.
    pub(crate) fn line(&mut self, directive: &str, words: &[&dyn Word]) {
        self.begin(directive);
        self.words(words);
        self.text.push(b'\n');
    }

    /// A directive with the words of a text, as people write them.
    pub(crate) fn split(&mut self, directive: &str, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        self.line(directive, &words.iter().map(|word| word as &dyn Word).collect::<Vec<_>>());
    }

    /// A directive that is written here as it stands, without any value from outside.
    pub(crate) fn fixed(&mut self, line: &str) {
        self.begin(line);
        self.text.push(b'\n');
    }

    /// A directive with words and then options, `name="value"`.
    pub(crate) fn line_with_options(
        &mut self,
        directive: &str,
        words: &[&dyn Word],
        options: &[(&str, OsString)],
    ) {
        self.begin(directive);
        self.words(words);
        for (name, value) in options {
            self.text.extend_from_slice(format!(" {name}=").as_bytes());
            self.word(value);
        }
        self.text.push(b'\n');
    }

    /// A section with what `inside` writes.
    pub(crate) fn section(&mut self, name: &str, words: &[&dyn Word], inside: impl FnOnce(&mut Self)) {
        self.begin(&format!("<{name}"));
        self.words(words);
        self.text.extend_from_slice(b">\n");
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.begin(&format!("</{name}>"));
        self.text.push(b'\n');
    }

    /// A section for a folder, whatever its name looks like.
    pub(crate) fn folder(&mut self, path: &Path, inside: impl FnOnce(&mut Self)) {
        let pattern = OsString::from_vec(quote::pattern(path.as_os_str()));
        self.section("Directory", &[&pattern], inside);
    }

    /// A directive for a file, whatever its name looks like, that takes patterns.
    pub(crate) fn file(&mut self, directive: &str, path: &Path) {
        self.line(directive, &[&OsString::from_vec(quote::pattern(path.as_os_str()))]);
    }

    /// A section for a file, whatever its name looks like.
    pub(crate) fn file_section(&mut self, name: &OsStr, inside: impl FnOnce(&mut Self)) {
        self.section("Files", &[&OsString::from_vec(quote::pattern(name))], inside);
    }

    /// A comment, with an empty line before it.
    pub(crate) fn comment(&mut self, text: &str) {
        self.text.push(b'\n');
        self.begin(&format!("# {text}"));
        self.text.push(b'\n');
    }

    /// The text, unless a value could not be written.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Unwritable> {
        self.error.map_or(Ok(self.text), Err)
    }

    fn begin(&mut self, text: &str) {
        self.text.extend(std::iter::repeat_n(b' ', 4 * self.depth));
        self.text.extend_from_slice(text.as_bytes());
    }

    fn words(&mut self, words: &[&dyn Word]) {
        for word in words {
            self.text.push(b' ');
            self.word(&word.text());
        }
    }

    fn word(&mut self, word: &OsStr) {
        match quote::httpd(word) {
            Ok(quoted) => self.text.extend_from_slice(&quoted),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }
}

macro_rules! word {
    ($($type:ty: $this:ident => $text:expr;)*) => {$(
        impl Word for $type {
            fn text(&self) -> OsString {
                let $this = self;
                $text
            }
        }
    )*};
}

word! {
    str: this => this.into();
    &str: this => this.into();
    String: this => this.into();
    OsString: this => this.clone();
    PathBuf: this => this.into();
    &Path: this => this.into();
    u16: this => this.to_string().into();
    u32: this => this.to_string().into();
    u64: this => this.to_string().into();
    f64: this => this.to_string().into();
}

/// Texts, one after the other, as one word.
pub(crate) fn joined(parts: &[&dyn Word]) -> OsString {
    parts.iter().fold(OsString::new(), |mut whole, part| {
        whole.push(part.text());
        whole
    })
}

/// Whether a path may be an item of a list that colons separate.
pub(crate) fn has_colon(path: &Path) -> bool {
    path.as_os_str().as_bytes().contains(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_indented_and_values_quoted() {
        let mut conf = Conf::default();
        conf.fixed("Listen 80");
        conf.folder(Path::new("/a [b"), |conf| {
            conf.line_with_options("Do", &[&"x y", &7_u32], &[("name", "a\"b".into())]);
        });
        let text = String::from_utf8(conf.finish().unwrap()).unwrap();
        assert_eq!(
            text,
            "Listen 80\n<Directory \"/a [[]b\">\n    Do \"x y\" 7 name=\"a\\\"b\"\n</Directory>\n"
        );
    }

    #[test]
    fn the_first_unwritable_value_is_the_error() {
        let mut conf = Conf::default();
        conf.line("A", &[&"fine", &"not\nfine"]);
        assert!(conf.finish().unwrap_err().to_string().contains("not\\nfine"));
    }
}
