//! Tables of `name=value` options: the same shape for every directive that has some.

use super::error::ConfigError;
use super::words::Words;

/// One option of a directive that fills a `T`.
pub(crate) struct OptionRow<T> {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does and what its default is, in one line of Markdown.
    pub(crate) help: &'static str,
    /// Validates and stores.
    pub(crate) set: fn(&mut T, &[u8]) -> Result<(), ConfigError>,
}

/// Names of options, and what they do.
pub(crate) type Explained = Vec<(&'static str, &'static str)>;

/// Reads all options that are left. The same option twice: the last one wins.
pub(crate) fn read<T>(
    words: &mut Words<'_>,
    target: &mut T,
    table: &[OptionRow<T>],
) -> Result<(), ConfigError> {
    while let Some((name, value)) = words.option()? {
        set(target, table, name, &value)?;
    }
    Ok(())
}

/// Sets one option, and returns its name as the table has it.
pub(super) fn set<T>(
    target: &mut T,
    table: &[OptionRow<T>],
    name: String,
    value: &[u8],
) -> Result<&'static str, ConfigError> {
    match table.iter().find(|row| row.name == name) {
        Some(row) => (row.set)(target, value).map(|()| row.name),
        None => {
            let nearest = nearest(&name, table.iter().map(|row| row.name)).map(str::to_owned);
            Err(ConfigError::UnknownOption { name, nearest })
        }
    }
}

/// Names and explanations, for docs/directives.md.
pub(crate) fn explained<T>(table: &[OptionRow<T>]) -> Explained {
    table.iter().map(|row| (row.name, row.help)).collect()
}

/// The known name that looks most like `name`, if one looks like it at all.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let score = |known: &str| strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase());
    let best = known.map(|known| (score(known), known)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_looks_alike() {
        let known = ["threads", "processes", "python-home"];
        assert_eq!(nearest("thread", known.into_iter()), Some("threads"));
        assert_eq!(nearest("pythonhome", known.into_iter()), Some("python-home"));
        assert_eq!(nearest("colour", known.into_iter()), None);
    }
}
