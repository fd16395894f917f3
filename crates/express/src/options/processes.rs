//! How many processes and threads, of the application and of httpd.

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mpm {
    /// Threads, idle connections cost none
    Event,
    /// Threads
    Worker,
    /// Processes of one thread each
    Prefork,
}

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Processes and threads")]
pub(crate) struct Processes {
    /// Processes of the application [default: 1]. Given at all, it makes wsgi.multiprocess true
    ///
    /// Becomes `WSGIDaemonProcess processes=`
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub processes: Option<u32>,
    /// Threads of each of these processes
    ///
    /// Becomes `WSGIDaemonProcess threads=`
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub threads: u32,
    /// Connections at the same time [default: 10 + 1.5 × processes × threads, at least 20]
    ///
    /// Becomes `MaxRequestWorkers`
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_clients: Option<u32>,
    /// How many of httpd's workers start at once, as a part of all [default: 0.05 with prefork, else 0.2]
    ///
    /// Becomes `StartServers`
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    pub initial_workers: Option<f64>,
    /// How many of them are idle at least [default: --initial-workers]
    ///
    /// Becomes `MinSpareThreads`
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    pub minimum_spare_workers: Option<f64>,
    /// How many of them are idle at most [default: 0.1 with prefork, else 0.6]
    ///
    /// Becomes `MaxSpareThreads`
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    pub maximum_spare_workers: Option<f64>,
    /// The MPM of httpd. May be repeated, the first that exists is taken [default: event, worker, prefork]
    ///
    /// Becomes `LoadModule`
    #[arg(long, value_enum, value_name = "NAME")]
    pub server_mpm: Vec<Mpm>,
    /// Runs the application in httpd's own processes; options of daemon processes have no effect then
    #[arg(long)]
    pub embedded_mode: bool,
    /// How long, in seconds, a thread may hold Python's lock while others want it
    ///
    /// Becomes `WSGIDaemonProcess switch-interval=`
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    pub switch_interval: Option<f64>,
    /// Runs a free-threaded Python without its lock
    ///
    /// Becomes `WSGIFreeThreading`
    #[arg(long)]
    pub free_threading: bool,
    /// Interpreters are not ended with their process: no exit functions
    ///
    /// Becomes `WSGIDestroyInterpreter`
    #[arg(long)]
    pub orphan_interpreter: bool,
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| "it is not a number".to_owned())
}

fn fraction(text: &str) -> Result<f64, String> {
    let number = number(text)?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("it is a number from 0 to 1".to_owned()) }
}

/// A number above zero.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number = number(text)?;
    if number > 0.0 { Ok(number) } else { Err("it must be more than 0".to_owned()) }
}
