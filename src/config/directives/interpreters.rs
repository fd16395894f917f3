//! Settings of interpreters, for all of them or for some.

use super::row::Row;
use crate::config::global::{self, Container};
use crate::config::options;
use crate::config::values::{Directories, Interval};

pub(super) const ROWS: &[Row] = &[
    Row::section(
        c"<WSGIInterpreterOptions",
        "[process-group=name] [application-group=name]>",
        |server, words| Container::read(words).map(|container| server.global.open_container(container)),
    )
    .says(
        c"settings for some interpreters: process-group=NAME and application-group=NAME say which",
        "Says for which interpreters the other directives of this chapter hold:

```apache
<WSGIInterpreterOptions process-group=site application-group=%{GLOBAL}>
    WSGIPythonPath /srv/site
    WSGIRestrictStdout On
</WSGIInterpreterOptions>
```",
    )
    .options(|| options::explained(&global::SELECTORS))
    .further(
        "Names are compared as they stand; only `%{GLOBAL}` means something else, embedded mode or the main \
         interpreter. What is left out matches all.

Each setting is taken from the container with more selectors, of two with as many from the later one, and only then from \
         the directive outside of containers. Folders of WSGIPythonPath add up instead: those of the most specific \
         container are in front.

Other directives of the main server act inside as they do outside.",
    )
    .differs("a container for a process group that is not defined is silently of no use. Here it is reported."),
    Row::interpreter(c"WSGIPythonPath", "folder[:folder ...]", |interpreters, words| {
        words.only::<Directories>("list of directories").map(|path| interpreters.python_path = path.0)
    })
    .says(
        c"directories for the front of sys.path in embedded mode",
        "Folders for the front of `sys.path`; `.pth` files in them count. Outside of containers: in embedded mode. \
         Groups have `python-path`.",
    ),
    Row::interpreter(c"WSGISwitchInterval", "seconds", |interpreters, words| {
        words.only::<Interval>("interval").map(|seconds| interpreters.switch_interval = Some(seconds.0))
    })
    .says(
        c"seconds for sys.setswitchinterval() in embedded mode",
        "`sys.setswitchinterval()`. Outside of containers: in embedded mode. Groups have `switch-interval`, which wins \
         over a container without selectors. The interval belongs to the GIL: for an application group that shares \
         it, it is skipped with a warning.",
    )
    .differs(
        "the directive outside of containers also reaches daemon processes, and overrides their own option when a \
         sub-interpreter is made. Here the nearer setting wins.",
    ),
    Row::interpreter(c"WSGIPerInterpreterGIL", "On|Off", |interpreters, words| {
        words.only("value").map(|on| interpreters.per_interpreter_gil = Some(on))
    })
    .default("Off")
    .says(
        c"whether sub-interpreters have a GIL of their own; default Off",
        "On: sub-interpreters have a GIL of their own, and run at the same time. Extension modules in C must allow for \
         it; with Python 3.12 few do. Older versions of Python have one GIL: a warning. Never for the main \
         interpreter.",
    ),
    Row::interpreter(c"WSGIFreeThreading", "On|Off", |interpreters, words| {
        words.only("value").map(|on| interpreters.free_threading = Some(on))
    })
    .default("Off")
    .says(
        c"whether a free-threaded Python runs without the GIL; default Off",
        "On: a free-threaded build of Python runs without the GIL. Off: with it. For other builds without meaning, and \
         a warning. It belongs to a process: in a container with `application-group` it is ignored, with a warning.",
    ),
    Row::interpreter(c"WSGIRestrictSignal", "On|Off", |interpreters, words| {
        words.only("value").map(|on| interpreters.restrict_signal = Some(on))
    })
    .default("On")
    .says(
        c"whether signal.signal() is ignored; default On",
        "On: `signal.signal()` of an application is ignored, and logged at info.",
    ),
    Row::interpreter(c"WSGIRestrictStdin", "On|Off", |interpreters, words| {
        words.only("value").map(|on| interpreters.restrict_stdin = Some(on))
    })
    .default("Off")
    .says(
        c"whether sys.stdin refuses to be used; default Off",
        "On: using `sys.stdin` raises OSError.",
    ),
    Row::interpreter(c"WSGIRestrictStdout", "On|Off", |interpreters, words| {
        words.only("value").map(|on| interpreters.restrict_stdout = Some(on))
    })
    .default("Off")
    .says(
        c"whether sys.stdout refuses to be used; default Off",
        "On: using `sys.stdout` raises OSError. Off: it goes to the error log, at notice.",
    )
    .differs("it is logged at error, as if something were wrong."),
];
