//! Replaces a name that starts with `%`: `%{GLOBAL}`, `%{SERVER}`, `%{HOST}`, `%{RESOURCE}`, `%{ENV:NAME}`.
//!
//! Only the whole value is replaced, nothing within a longer one; what is not understood is a literal name.

use std::borrow::Cow;

/// What the values are made of, of one request.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'r, 's> {
    /// ServerName of the matched server.
    pub(crate) server: &'r [u8],
    /// The port as httpd sees it.
    pub(crate) port: u16,
    /// The host that the client named, if it did.
    pub(crate) host: Option<&'r [u8]>,
    /// SCRIPT_NAME before any proxy header, with slashes collapsed (and lower-cased without WSGICaseSensitivity).
    pub(crate) script_name: &'s [u8],
}

/// Looks a variable up: request notes, request environment, process environment.
pub(crate) type Lookup<'l, 'r> = &'l dyn Fn(&[u8]) -> Option<Cow<'r, [u8]>>;

/// The name of a process or application group.
pub(crate) fn group<'r>(value: &'r [u8], facts: &Facts<'r, '_>, lookup: Lookup<'_, 'r>) -> Cow<'r, [u8]> {
    if value.first() != Some(&b'%') {
        return Cow::Borrowed(value);
    }
    let Some(name) = variable(value) else {
        return known(value, facts).unwrap_or(Cow::Borrowed(value));
    };
    match lookup(name) {
        None => Cow::Borrowed(value),
        Some(found) if variable(&found).is_some() => found,
        Some(found) => known(&found, facts).unwrap_or(found),
    }
}

/// The application group of a hook's script: there are no `%{RESOURCE}` and `%{ENV:NAME}` before the request has been
/// mapped, so these are literal names.
pub(crate) fn hook_group<'r>(value: &'r [u8], facts: &Facts<'r, '_>) -> Cow<'r, [u8]> {
    let literal = value == b"%{RESOURCE}" || variable(value).is_some();
    let expanded = if literal { None } else { known(value, facts) };
    expanded.unwrap_or(Cow::Borrowed(value))
}

/// The name of a callable: `%{ENV:NAME}` only, and `None` when there is no such variable.
pub(crate) fn callable<'r>(value: &'r [u8], lookup: Lookup<'_, 'r>) -> Option<Cow<'r, [u8]>> {
    match variable(value) {
        None => Some(Cow::Borrowed(value)),
        Some(name) => lookup(name).filter(|found| !found.is_empty()),
    }
}

/// `NAME` of `%{ENV:NAME}`.
fn variable(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"%{ENV:")?.strip_suffix(b"}")
}

fn known<'r>(value: &[u8], facts: &Facts<'r, '_>) -> Option<Cow<'r, [u8]>> {
    let with_port = |host: &'r [u8]| match facts.port {
        80 | 443 => Cow::Borrowed(host),
        port => Cow::Owned([host, b":", port.to_string().as_bytes()].concat()),
    };
    Some(match value {
        b"%{GLOBAL}" => Cow::Borrowed(b""),
        b"%{SERVER}" => with_port(facts.server),
        b"%{HOST}" => with_port(facts.host.filter(|host| !host.is_empty()).unwrap_or(facts.server)),
        b"%{RESOURCE}" => {
            let server = with_port(facts.server);
            let mut name = Vec::with_capacity(server.len() + 1 + facts.script_name.len());
            name.extend_from_slice(&server);
            name.push(b'|');
            name.extend_from_slice(facts.script_name);
            Cow::Owned(name)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts<'static, 'static> {
        Facts { server: b"srv", port: 80, host: Some(b"www"), script_name: b"/app" }
    }

    fn text(value: &'static str, facts: &Facts<'static, 'static>) -> String {
        let lookup = |name: &[u8]| match name {
            b"G" => Some(Cow::Borrowed(&b"%{GLOBAL}"[..])),
            b"N" => Some(Cow::Borrowed(&b"name"[..])),
            b"L" => Some(Cow::Borrowed(&b"%{ENV:L}"[..])),
            b"E" => Some(Cow::Borrowed(&b""[..])),
            _ => None,
        };
        String::from_utf8(group(value.as_bytes(), facts, &lookup).into_owned()).unwrap()
    }

    #[test]
    fn expands_whole_values() {
        let other_port = Facts { port: 8080, host: None, script_name: b"", ..facts() };
        for (value, expected) in [
            ("%{GLOBAL}", ""),
            ("%{SERVER}", "srv"),
            ("%{HOST}", "www"),
            ("%{RESOURCE}", "srv|/app"),
            ("plain", "plain"),
            ("x%{GLOBAL}", "x%{GLOBAL}"),
            ("%{OTHER}", "%{OTHER}"),
            ("%{ENV:N}", "name"),
            ("%{ENV:G}", ""),
            ("%{ENV:L}", "%{ENV:L}"),
            ("%{ENV:missing}", "%{ENV:missing}"),
        ] {
            assert_eq!(text(value, &facts()), expected, "{value}");
        }
        assert_eq!(text("%{SERVER}", &other_port), "srv:8080");
        assert_eq!(text("%{HOST}", &other_port), "srv:8080");
        assert_eq!(text("%{RESOURCE}", &other_port), "srv:8080|");
    }

    #[test]
    fn groups_of_hooks_know_the_server_only() {
        for (value, expected) in [
            ("%{GLOBAL}", ""),
            ("%{SERVER}", "srv"),
            ("%{HOST}", "www"),
            ("%{RESOURCE}", "%{RESOURCE}"),
            ("%{ENV:N}", "%{ENV:N}"),
            ("", ""),
        ] {
            assert_eq!(*hook_group(value.as_bytes(), &facts()), *expected.as_bytes(), "{value}");
        }
    }

    #[test]
    fn callables_take_variables_only() {
        let lookup = |name: &[u8]| (name == b"N").then_some(Cow::Borrowed(&b"app"[..]));
        assert_eq!(callable(b"%{ENV:N}", &lookup).as_deref(), Some(&b"app"[..]));
        assert_eq!(callable(b"%{ENV:X}", &lookup), None);
        assert_eq!(callable(b"%{GLOBAL}", &lookup).as_deref(), Some(&b"%{GLOBAL}"[..]));
    }
}
