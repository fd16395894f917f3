//! The table of directives: name, where it is allowed, what it does, and what it stores.
//!
//! Setters only validate and store: nothing is opened, compiled or looked up. A message need not name the directive.

use std::ffi::CStr;
use std::sync::Arc;

use super::alias::{Alias, Pattern};
use super::error::ConfigError;
use super::process_group::ProcessGroup;
use super::scripts::{HandlerScript, Import};
use super::settings::{Reference, ServerSettings, Settings};
use super::trusted::{Network, TrustedHeader};
use super::values::{Directories, Interval, Name, Value};
use super::words::Words;

/// Where a directive is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// In the main server.
    Global,
    /// In the main server and in virtual hosts.
    Server,
    /// There, and in `<Directory>`, `<Location>`, `<Files>`, `<If>`.
    Location,
    /// There, and in .htaccess with `AllowOverride FileInfo`.
    FileInfo,
}

/// What a directive stores into.
pub(crate) enum Setter {
    /// Into the settings of the server.
    Server(fn(&mut ServerSettings, &mut Words<'_>) -> Result<(), ConfigError>),
    /// Into the settings of the location.
    Location(fn(&mut Settings, &mut Words<'_>) -> Result<(), ConfigError>),
    /// Into the settings of the location, and for the check before the start into those of the server.
    Noted(fn(&mut Settings, &mut ServerSettings, &mut Words<'_>) -> Result<(), ConfigError>),
}

/// One directive.
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: &'static CStr,
    /// Where it is allowed.
    pub(crate) context: Context,
    /// What it does, in one line.
    pub(crate) help: &'static CStr,
    /// What it stores.
    pub(crate) set: Setter,
}

/// All directives, in alphabetical order.
pub(crate) const DIRECTIVES: [Row; 37] = [
    global(c"WSGIAcceptMutex", c"accepted; our processes share no accept lock", |server, words| {
        let word: String = words.only("kind of mutex")?;
        const KINDS: [&str; 6] = ["default", "flock", "fcntl", "sysvsem", "posixsem", "pthread"];
        if !KINDS.contains(&word.to_lowercase().as_str()) {
            let expected = "it is default, flock, fcntl, sysvsem, posixsem or pthread";
            return Err(ConfigError::BadValue { what: "kind of mutex", value: word, expected });
        }
        server.global.has_no_effect("WSGIAcceptMutex");
        Ok(())
    }),
    location(
        c"WSGIApplicationGroup",
        c"the interpreter that runs the application; default %{RESOURCE}",
        |here, words| words.only("application group").map(|name| here.application_group = Some(name)),
    ),
    file_info(
        c"WSGICallableObject",
        c"the name of the application in the script; default application",
        |here, words| words.only("name of the callable object").map(|name| here.callable = Some(name)),
    ),
    global(
        c"WSGICaseSensitivity",
        c"whether the file system distinguishes upper and lower case; default On",
        |server, words| words.only("value").map(|on| server.global.case_sensitive = Some(on)),
    ),
    file_info(
        c"WSGIChunkedRequest",
        c"whether chunked request bodies are accepted; default Off",
        |here, words| words.only("value").map(|on| here.chunked_request = Some(on)),
    ),
    server(
        c"WSGIDaemonProcess",
        c"defines a process group: NAME and options as processes=2",
        |server, words| {
            let group = ProcessGroup::read(words)?;
            if let Some(other) = server.process_groups.iter().find(|other| other.name == group.name) {
                let (name, place) = (group.name.to_string(), other.place.to_string());
                return Err(ConfigError::Duplicate { name, place });
            }
            server.process_groups.push(group);
            Ok(())
        },
    ),
    global(
        c"WSGIDestroyInterpreter",
        c"whether atexit callbacks run when a process ends; default On",
        |server, words| words.only("value").map(|on| server.global.destroy_interpreter = Some(on)),
    ),
    global(c"WSGIDontWriteBytecode", c"whether Python writes no .pyc files; default Off", |server, words| {
        words.only("value").map(|on| server.global.dont_write_bytecode = Some(on))
    }),
    file_info(
        c"WSGIEnableSendfile",
        c"whether wsgi.file_wrapper uses sendfile(); default as EnableSendfile",
        |here, words| words.only("value").map(|on| here.enable_sendfile = Some(on)),
    ),
    file_info(
        c"WSGIErrorOverride",
        c"whether ErrorDocument replaces the application's errors; default Off",
        |here, words| words.only("value").map(|on| here.error_override = Some(on)),
    ),
    location(
        c"WSGIHandlerScript",
        c"registers a script as a handler: NAME PATH and options",
        |here, words| {
            let script = HandlerScript::read(words)?;
            let before = here.handler_scripts.as_deref().unwrap_or_default().iter().cloned();
            here.handler_scripts = Some(before.chain([script]).collect());
            Ok(())
        },
    ),
    file_info(
        c"WSGIIgnoreActivity",
        c"whether requests leave their process idle for inactivity-timeout; default Off",
        |here, words| words.only("value").map(|on| here.ignore_activity = Some(on)),
    ),
    server(
        c"WSGIImportScript",
        c"loads a script before the first request: PATH process-group= application-group=",
        |server, words| Import::read(words).map(|import| server.imports.push(import)),
    ),
    file_info(
        c"WSGIMapHEADToGET",
        c"whether the application sees HEAD as GET: Auto, On or Off; default Auto",
        |here, words| words.only("value").map(|value| here.map_head = Some(value)),
    ),
    file_info(
        c"WSGIPassAuthorization",
        c"whether the application sees the Authorization header; default Off",
        |here, words| words.only("value").map(|on| here.pass_authorization = Some(on)),
    ),
    Row {
        name: c"WSGIProcessGroup",
        context: Context::Location,
        help: c"the process group that runs the application; default %{GLOBAL}, the httpd children",
        set: Setter::Noted(|here, server, words| {
            let place = words.place();
            let name: Name = words.only("process group")?;
            if !name.as_str().starts_with('%') {
                server.references.push(Reference { name: name.clone(), place });
            }
            here.process_group = Some(name);
            Ok(())
        }),
    },
    global(c"WSGIPythonEggs", c"PYTHON_EGG_CACHE of embedded mode", |server, words| {
        words.only("directory").map(|path| server.global.python_eggs = Some(path))
    }),
    global(c"WSGIPythonHashSeed", c"seed of Python's hashes: random, or 0 to 4294967295", |server, words| {
        let word: String = words.only("seed")?;
        if word != "random" && u32::parse(word.as_bytes()).is_none() {
            let expected = "it is random, or a number from 0 to 4294967295";
            return Err(ConfigError::BadValue { what: "seed", value: word, expected });
        }
        server.global.python_hash_seed = Some(word);
        Ok(())
    }),
    global(c"WSGIPythonHome", c"virtual environment or Python installation", |server, words| {
        words.only("directory").map(|path| server.global.python_home = Some(path))
    }),
    global(
        c"WSGIPythonHost",
        c"the host library; default mod_wsgi_host.abi3.so beside mod_wsgi.so",
        |server, words| words.only("file").map(|path| server.global.python_host = Some(path)),
    ),
    global(
        c"WSGIPythonLibrary",
        c"libpython for embedded mode; default the one known when mod_wsgi was built",
        |server, words| words.only("file").map(|path| server.global.python_library = Some(path)),
    ),
    global(c"WSGIPythonOptimize", c"Python's -O level; default 0", |server, words| {
        words.only("level").map(|level| server.global.python_optimize = Some(level))
    }),
    global(c"WSGIPythonPath", c"directories for the front of sys.path in embedded mode", |server, words| {
        words
            .only::<Directories>("list of directories")
            .map(|path| server.global.interpreters.python_path = path.0)
    }),
    global(c"WSGIPythonWarnings", c"a filter for Python's -W; may be repeated", |server, words| {
        words.only("filter").map(|filter| server.global.python_warnings.push(filter))
    }),
    global(
        c"WSGIRestrictEmbedded",
        c"whether requests are refused that would run in the httpd children; default Off",
        |server, words| words.only("value").map(|on| server.global.restrict_embedded = Some(on)),
    ),
    location(
        c"WSGIRestrictProcess",
        c"the process groups that may be used here; %{GLOBAL} is embedded mode",
        |here, words| {
            let names = std::iter::from_fn(|| words.next()).map(|word| Name::read(&word, "process group"));
            names.collect::<Result<Arc<[Name]>, _>>().map(|names| here.restrict_process = Some(names))
        },
    ),
    global(c"WSGIRestrictSignal", c"whether signal.signal() is ignored; default On", |server, words| {
        words.only("value").map(|on| server.global.interpreters.restrict_signal = Some(on))
    }),
    global(c"WSGIRestrictStdin", c"whether sys.stdin refuses to be used; default Off", |server, words| {
        words.only("value").map(|on| server.global.interpreters.restrict_stdin = Some(on))
    }),
    global(c"WSGIRestrictStdout", c"whether sys.stdout refuses to be used; default Off", |server, words| {
        words.only("value").map(|on| server.global.interpreters.restrict_stdout = Some(on))
    }),
    server(
        c"WSGIScriptAlias",
        c"runs a script for the URLs below a path: URL-PATH PATH and options",
        |server, words| Alias::read(words, Pattern::Prefix).map(|alias| server.aliases.push(alias)),
    ),
    server(
        c"WSGIScriptAliasMatch",
        c"runs a script for the URLs that match: REGEX PATH and options",
        |server, words| Alias::read(words, Pattern::Regex).map(|alias| server.aliases.push(alias)),
    ),
    file_info(
        c"WSGIScriptReloading",
        c"whether a changed script is loaded again; default On",
        |here, words| words.only("value").map(|on| here.script_reloading = Some(on)),
    ),
    global(
        c"WSGISocketPrefix",
        c"accepted; our sockets have no names in the file system",
        |server, words| words.only::<String>("path").map(|_| server.global.has_no_effect("WSGISocketPrefix")),
    ),
    global(
        c"WSGISocketRotation",
        c"accepted; our sockets have no names in the file system",
        |server, words| {
            words.only::<bool>("value").map(|_| server.global.has_no_effect("WSGISocketRotation"))
        },
    ),
    global(
        c"WSGISwitchInterval",
        c"seconds for sys.setswitchinterval() in embedded mode",
        |server, words| {
            words
                .only::<Interval>("interval")
                .map(|seconds| server.global.interpreters.switch_interval = Some(seconds.0))
        },
    ),
    file_info(
        c"WSGITrustedProxies",
        c"addresses of proxies whose headers are believed; default all",
        |here, words| append(&mut here.trusted_proxies, words, |word| Network::read(word, "address")),
    ),
    file_info(
        c"WSGITrustedProxyHeaders",
        c"headers of proxies that are believed; default none",
        |here, words| {
            append(&mut here.trusted_headers, words, |word| TrustedHeader::read(word, "header of a proxy"))
        },
    ),
];

type ServerSetter = fn(&mut ServerSettings, &mut Words<'_>) -> Result<(), ConfigError>;
type LocationSetter = fn(&mut Settings, &mut Words<'_>) -> Result<(), ConfigError>;

const fn global(name: &'static CStr, help: &'static CStr, set: ServerSetter) -> Row {
    Row { name, context: Context::Global, help, set: Setter::Server(set) }
}

const fn server(name: &'static CStr, help: &'static CStr, set: ServerSetter) -> Row {
    Row { name, context: Context::Server, help, set: Setter::Server(set) }
}

const fn location(name: &'static CStr, help: &'static CStr, set: LocationSetter) -> Row {
    Row { name, context: Context::Location, help, set: Setter::Location(set) }
}

const fn file_info(name: &'static CStr, help: &'static CStr, set: LocationSetter) -> Row {
    Row { name, context: Context::FileInfo, help, set: Setter::Location(set) }
}

/// Repeated in one section, these directives add up.
fn append<T: Clone>(
    list: &mut Option<Arc<[T]>>,
    words: &mut Words<'_>,
    read: impl Fn(&[u8]) -> Result<T, ConfigError>,
) -> Result<(), ConfigError> {
    let mut all = list.as_deref().unwrap_or_default().to_vec();
    all.push(read(&words.next().ok_or(ConfigError::Missing { what: "first value" })?)?);
    while let Some(word) = words.next() {
        all.push(read(&word)?);
    }
    *list = Some(all.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_explained() {
        assert!(DIRECTIVES.is_sorted_by_key(|row| row.name.to_string_lossy().to_lowercase()));
        let names: std::collections::BTreeSet<_> = DIRECTIVES.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), DIRECTIVES.len());
        for row in &DIRECTIVES {
            assert!(!row.help.is_empty() && !row.help.to_bytes().contains(&b'\n'), "{:?}", row.name);
        }
    }

    fn location(name: &str, line: &str, here: &mut Settings) -> Result<(), ConfigError> {
        let row = DIRECTIVES.iter().find(|row| row.name.to_bytes() == name.as_bytes()).unwrap();
        let mut words = Words::new(line.as_bytes(), b"", 1);
        match row.set {
            Setter::Location(set) => set(here, &mut words),
            Setter::Noted(set) => set(here, &mut ServerSettings::default(), &mut words),
            Setter::Server(_) => panic!("{name} is no directive of locations"),
        }
    }

    #[test]
    fn stores_what_it_reads() {
        let mut here = Settings::NOTHING;
        location("WSGIProcessGroup", "site", &mut here).unwrap();
        location("WSGIPassAuthorization", "on", &mut here).unwrap();
        location("WSGITrustedProxies", "10.0.0.1 10.0.0.2", &mut here).unwrap();
        location("WSGITrustedProxies", "10.0.0.3", &mut here).unwrap();
        location("WSGIHandlerScript", "h /h.py process-group=%{GLOBAL}", &mut here).unwrap();
        assert_eq!(here.process_group.as_ref().map(Name::as_str), Some("site"));
        assert_eq!(here.pass_authorization, Some(true));
        assert_eq!(here.trusted_proxies.as_ref().map(|list| list.len()), Some(3));
        assert_eq!(here.handler_script(b"h").unwrap().process_group, Some(Name::empty()));
    }

    #[test]
    fn refuses_with_a_reason() {
        let mut here = Settings::NOTHING;
        for (name, line, reason) in [
            ("WSGIPassAuthorization", "yes", "On or Off"),
            ("WSGIPassAuthorization", "On Off", "one word too many"),
            ("WSGIProcessGroup", "", "missing"),
            ("WSGITrustedProxyHeaders", "X-Forwarded-Fro", "did you mean `X-Forwarded-For`"),
            ("WSGITrustedProxyHeaders", "X_Y", "known are"),
            ("WSGITrustedProxies", "localhost", "IP address"),
            ("WSGIHandlerScript", "wsgi-script /x", "built in"),
        ] {
            let message = location(name, line, &mut here).unwrap_err().to_string();
            assert!(message.contains(reason), "{name} {line}: {message}");
        }
    }
}
