//! The page: well-formed, and nothing from outside is markup.

use super::super::sample::report;
use super::{SCRIPT, STYLE, render};

/// Every opened element is closed, in order; those without an end are left out.
fn check_nesting(page: &str) {
    let mut open = Vec::new();
    for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "in {page}"),
            None if ["!DOCTYPE", "meta", "link"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn everything_is_escaped_and_nested() {
    let page = render(&report(), None);
    check_nesting(&page);
    assert!(!page.contains("<script>") && page.matches("&lt;script&gt;").count() > 12);
    assert!(!page.contains("style=") && !page.contains(" on"), "strict policies forbid these");
    for word in ["queue_full 8", "not empty for 7.5 s", "1.0 MiB", "1 to 3", "killed 2", "has grown 4 times"]
    {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn without_scripts_it_can_reload_itself() {
    assert!(
        render(&report(), None).contains("?refresh=5") && render(&report(), Some(9)).contains("every 9 s")
    );
}

#[test]
fn the_script_makes_no_markup_of_texts() {
    assert!(
        !SCRIPT.contains("innerHTML")
            && !SCRIPT.contains("eval(")
            && STYLE.contains("prefers-color-scheme: dark")
    );
}
