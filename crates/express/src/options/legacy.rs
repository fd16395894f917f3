//! Options of the original that are not here: accepted with a note where nothing is lost, else refused with what to use.
//!
//! They are hidden from `--help`, and listed in docs/express.md.

use std::ffi::OsString;

#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Legacy {
    #[arg(long, hide = true, value_name = "DIR")]
    pub python_eggs: Option<OsString>,
    #[arg(long, hide = true, value_name = "DIR")]
    pub socket_prefix: Option<OsString>,
    #[arg(long, hide = true, value_name = "BYTES")]
    pub response_buffer_size: Option<OsString>,
    #[arg(long, hide = true)]
    pub verbose_debugging: bool,
    #[arg(long, hide = true)]
    pub enable_docs: bool,
    #[arg(long, hide = true)]
    pub with_newrelic: bool,
    #[arg(long, hide = true)]
    pub with_newrelic_agent: bool,
    #[arg(long, hide = true)]
    pub with_newrelic_platform: bool,
    #[arg(long, hide = true, value_name = "FILE")]
    pub newrelic_config_file: Option<OsString>,
    #[arg(long, hide = true, value_name = "NAME")]
    pub newrelic_environment: Option<OsString>,
    #[arg(long, hide = true)]
    pub with_php5: bool,
    #[arg(long, hide = true)]
    pub enable_telemetry: bool,
    #[arg(long, hide = true, value_name = "NUMBER")]
    pub telemetry_ui_port: Option<OsString>,
    #[arg(long, hide = true)]
    pub enable_coverage: bool,
    #[arg(long, hide = true, value_name = "DIR")]
    pub coverage_directory: Option<OsString>,
    #[arg(long, hide = true)]
    pub enable_profiler: bool,
    #[arg(long, hide = true, value_name = "DIR")]
    pub profiler_directory: Option<OsString>,
    #[arg(long, hide = true)]
    pub enable_recorder: bool,
    #[arg(long, hide = true, value_name = "DIR")]
    pub recorder_directory: Option<OsString>,
    #[arg(long, hide = true)]
    pub enable_gdb: bool,
    #[arg(long, hide = true, value_name = "FILE")]
    pub gdb_executable: Option<OsString>,
}

const NEWRELIC: &str =
    "start the agent by its own wrapper: newrelic-admin, or newrelic.agent in the WSGI script";
const IN_THE_SCRIPT: &str =
    "wrap the application in the WSGI script instead (cProfile, coverage and WSGI middleware do it)";

impl Legacy {
    /// What is accepted and has no effect: the option, and why.
    pub(crate) fn notes(&self) -> Vec<(&'static str, &'static str)> {
        given([
            (
                self.python_eggs.is_some(),
                "--python-eggs",
                "eggs are no longer unpacked by anything that pip installs",
            ),
            (
                self.socket_prefix.is_some(),
                "--socket-prefix",
                "the sockets of daemon processes have no names",
            ),
            (
                self.response_buffer_size.is_some(),
                "--response-buffer-size",
                "never more than 128K is kept back",
            ),
            (self.verbose_debugging, "--verbose-debugging", "use --log-level wsgi:debug"),
            (self.enable_docs, "--enable-docs", "the documentation is in docs/ of the project"),
            (self.with_newrelic, "--with-newrelic", NEWRELIC),
            (self.with_newrelic_agent, "--with-newrelic-agent", NEWRELIC),
            (self.with_newrelic_platform, "--with-newrelic-platform", NEWRELIC),
            (self.newrelic_config_file.is_some(), "--newrelic-config-file", NEWRELIC),
            (self.newrelic_environment.is_some(), "--newrelic-environment", NEWRELIC),
        ])
    }

    /// What is refused: the option, and what to use.
    pub(crate) fn refusals(&self) -> Vec<(&'static str, &'static str)> {
        given([
            (
                self.with_php5,
                "--with-php5",
                "run PHP by php-fpm, and pass its URLs on with --proxy-mount-point",
            ),
            (
                self.enable_telemetry || self.telemetry_ui_port.is_some(),
                "--enable-telemetry",
                "start mod_wsgi-telemetry yourself, and name its socket with --telemetry-service unix:PATH",
            ),
            (self.enable_coverage || self.coverage_directory.is_some(), "--enable-coverage", IN_THE_SCRIPT),
            (self.enable_profiler || self.profiler_directory.is_some(), "--enable-profiler", IN_THE_SCRIPT),
            (self.enable_recorder || self.recorder_directory.is_some(), "--enable-recorder", IN_THE_SCRIPT),
            (
                self.enable_gdb || self.gdb_executable.is_some(),
                "--enable-gdb",
                "use setup-server, then: gdb --args $HTTPD -X -f SERVER-ROOT/httpd.conf",
            ),
        ])
    }
}

fn given<const N: usize>(rows: [(bool, &'static str, &'static str); N]) -> Vec<(&'static str, &'static str)> {
    rows.into_iter().filter_map(|(given, option, text)| given.then_some((option, text))).collect()
}
