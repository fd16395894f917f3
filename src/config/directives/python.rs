//! Python as a whole.

use super::row::Row;
use crate::config::error::ConfigError;
use crate::config::values::Value;

pub(super) const ROWS: &[Row] = &[
    Row::global(c"WSGIPythonHome", "folder", |server, words| {
        words.only("directory").map(|path| server.global.python_home = Some(path))
    })
    .says(
        c"virtual environment or Python installation",
        "The virtual environment or installation for embedded mode, and for groups without `python-home`. Refused at \
         start-up if its interpreter is missing or cannot be executed, with owner and mode of each folder in the way.",
    )
    .differs("a warning, and processes that crash."),
    Row::global(c"WSGIPythonEggs", "folder", |server, words| {
        words.only("directory").map(|path| server.global.python_eggs = Some(path))
    })
    .says(
        c"PYTHON_EGG_CACHE of embedded mode",
        "`PYTHON_EGG_CACHE` in embedded mode. Groups have `python-eggs`.",
    ),
    Row::global(c"WSGIPythonLibrary", "file", |server, words| {
        words.only("file").map(|path| server.global.python_library = Some(path))
    })
    .default("that of WSGIPythonHome or of the default Python")
    .says(
        c"libpython for embedded mode; default that of WSGIPythonHome or of the default Python",
        "The libpython that embedded mode loads.",
    )
    .differs("there is no such directive: the module is linked with one."),
    Row::global(c"WSGIPythonHost", "file", |server, words| {
        words.only("file").map(|path| server.global.python_host = Some(path))
    })
    .default("mod_wsgi_host.abi3.so beside mod_wsgi.so")
    .says(
        c"the host library; default mod_wsgi_host.abi3.so beside mod_wsgi.so",
        "The host library, by which Python meets httpd.",
    )
    .differs("there is no such directive: the module holds it all."),
    Row::global(c"WSGIPythonOptimize", "level", |server, words| {
        words.only("level").map(|level| server.global.python_optimize = Some(level))
    })
    .default("0")
    .says(c"Python's -O level; default 0", "Python's `-O` level, in all processes.")
    .differs("what is no number counts as 0. Here it is refused."),
    Row::global(c"WSGIPythonWarnings", "filter", |server, words| {
        words.only("filter").map(|filter| server.global.python_warnings.push(filter))
    })
    .says(
        c"a filter for Python's -W; may be repeated",
        "A filter for Python's `-W`, in all processes. May be repeated.",
    ),
    Row::global(c"WSGIPythonHashSeed", "random|number", |server, words| {
        let word: String = words.only("seed")?;
        if word != "random" && u32::parse(word.as_bytes()).is_none() {
            let expected = "it is random, or a number from 0 to 4294967295";
            return Err(ConfigError::BadValue { what: "seed", value: word, expected });
        }
        server.global.python_hash_seed = Some(word);
        Ok(())
    })
    .says(
        c"seed of Python's hashes: random, or 0 to 4294967295",
        "The seed of Python's hashes, 0 to 4294967295, in all processes.",
    )
    .differs("`random` is 0, which is not random at all. Here it is random."),
    Row::global(c"WSGIDontWriteBytecode", "On|Off", |server, words| {
        words.only("value").map(|on| server.global.dont_write_bytecode = Some(on))
    })
    .default("Off")
    .says(
        c"whether Python writes no .pyc files; default Off",
        "On: Python writes no `.pyc` files, in all processes.",
    ),
    Row::global(c"WSGIDestroyInterpreter", "On|Off", |server, words| {
        words.only("value").map(|on| server.global.destroy_interpreter = Some(on))
    })
    .default("On")
    .says(
        c"whether atexit callbacks run when a process ends; default On",
        "Off: `atexit` callbacks do not run when a process ends, and threads of the application are not waited for.",
    ),
];
