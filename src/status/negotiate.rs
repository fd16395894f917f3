//! Which form of the status a request wants: by its query, which wins, or by its Accept header.

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Json,
    OpenMetrics,
    /// The older text format of Prometheus.
    Prometheus,
    /// The page's script and style, which are files of their own so that the page needs no inline ones.
    Script,
    Style,
}

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) form: Form,
    /// `?refresh=SECONDS`: the browser is to load the page again.
    pub(super) refresh: Option<u32>,
}

/// How often a page may ask to be loaded again, at most and at least.
const REFRESH: std::ops::RangeInclusive<u32> = 1..=3600;

impl Wanted {
    /// Of wsgi-status.
    pub(super) fn status(query: &[u8], accept: &[u8]) -> Self {
        let form = match value(query, b"format") {
            Some(b"json") => Form::Json,
            Some(b"script") => Form::Script,
            Some(b"style") => Form::Style,
            Some(_) => Form::Html,
            None if prefers(accept, b"application/json", b"text/html") => Form::Json,
            None => Form::Html,
        };
        let refresh =
            value(query, b"refresh").and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        Self { form, refresh: refresh.map(|seconds: u32| seconds.clamp(*REFRESH.start(), *REFRESH.end())) }
    }

    /// Of wsgi-metrics: OpenMetrics, unless the client knows only the older format.
    pub(super) fn metrics(query: &[u8], accept: &[u8]) -> Self {
        let form = match value(query, b"format") {
            Some(b"prometheus") => Form::Prometheus,
            Some(_) => Form::OpenMetrics,
            None if prefers(accept, b"text/plain", b"application/openmetrics-text") => Form::Prometheus,
            None => Form::OpenMetrics,
        };
        Self { form, refresh: None }
    }
}

/// The value of a parameter.
fn value<'q>(query: &'q [u8], name: &[u8]) -> Option<&'q [u8]> {
    query.split(|byte| *byte == b'&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

/// Whether Accept names `one` with more weight than `other` (which it has not to name).
fn prefers(accept: &[u8], one: &[u8], other: &[u8]) -> bool {
    weight(accept, one).is_some_and(|ours| weight(accept, other).is_none_or(|theirs| ours > theirs))
}

/// The weight of a media type that Accept names, in thousandths.
fn weight(accept: &[u8], media_type: &[u8]) -> Option<u32> {
    accept.split(|byte| *byte == b',').find_map(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        parts.next().filter(|name| name.eq_ignore_ascii_case(media_type))?;
        let q = parts.find_map(|part| part.strip_prefix(b"q="));
        let q = q.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<f64>().ok());
        Some((q.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(query: &str, accept: &str) -> Form {
        Wanted::status(query.as_bytes(), accept.as_bytes()).form
    }

    fn metrics(query: &str, accept: &str) -> Form {
        Wanted::metrics(query.as_bytes(), accept.as_bytes()).form
    }

    #[test]
    fn queries_win() {
        assert_eq!(status("format=json", "text/html"), Form::Json);
        assert_eq!(status("a=b&format=html", "application/json"), Form::Html);
        assert_eq!((status("format=script", ""), status("format=style", "")), (Form::Script, Form::Style));
        assert_eq!(metrics("format=prometheus", "application/openmetrics-text"), Form::Prometheus);
    }

    #[test]
    fn headers_are_weighed() {
        assert_eq!(status("", "application/json"), Form::Json);
        assert_eq!(status("", "text/html,application/xhtml+xml,*/*;q=0.8"), Form::Html);
        assert_eq!(status("", "text/html;q=0.5, application/json;q=0.9"), Form::Json);
        assert_eq!((status("", ""), status("", "*/*")), (Form::Html, Form::Html));
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(
            (metrics("", prometheus), metrics("", ""), metrics("", "*/*")),
            (Form::OpenMetrics, Form::OpenMetrics, Form::OpenMetrics)
        );
        assert_eq!(metrics("", "text/plain;version=0.0.4"), Form::Prometheus);
    }

    #[test]
    fn nonsense_is_no_refresh() {
        let refresh = |query: &str| Wanted::status(query.as_bytes(), b"").refresh;
        assert_eq!(
            (refresh("refresh=5"), refresh("refresh=0"), refresh("refresh=99999")),
            (Some(5), Some(1), Some(3600))
        );
        assert_eq!((refresh("refresh="), refresh("refresh=x\"y"), refresh("")), (None, None, None));
        assert_eq!(weight(b"a/b;q=x", b"a/b"), Some(1000));
    }
}
