//! Looking into an application: one process, one thread, on the terminal.

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Debugging")]
pub(crate) struct Debug {
    /// One process with one thread, in which the application runs and the terminal can be used
    #[arg(long)]
    pub debug_mode: bool,
    /// With --debug-mode: Python's debugger opens where an exception is not caught
    #[arg(long)]
    pub enable_debugger: bool,
    /// With --enable-debugger: it opens when the application has been loaded, too
    #[arg(long, requires = "enable_debugger")]
    pub debugger_startup: bool,
}
