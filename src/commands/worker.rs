//! `rollcall worker`: runs a reconciliation in this process.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use super::{failed, host_name};
use rollcall_worker::{OnMisfit, ShutdownPolicy};

/// Run a reconciliation in this process, inside or outside of Kubernetes
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with the Reconciliation object; - for standard input
    #[arg(short, long)]
    file: PathBuf,
    /// Directory for rows between restarts; only one process at a time may use it
    #[arg(long, default_value = "state")]
    state_dir: PathBuf,
    /// Processing threads [default: one per core, at most 4]
    #[arg(long)]
    lanes: Option<NonZeroUsize>,
    /// How many partitions the transactions of this worker may touch in a second: fewer make rarer
    /// and larger transactions, which cost the brokers less and add latency [default: the object's
    /// spec.commitBudget]
    #[arg(long, value_name = "PARTITIONS")]
    commit_budget: Option<NonZeroU32>,
    /// Address to serve probes and metrics on
    #[arg(long, default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Another host name that requests may use, such as a proxy's; *.example.com stands for all
    /// names below it, * for any name; may be given several times [default: addresses, localhost,
    /// the host's name, names of Services]
    #[arg(
        long = "allowed-host",
        value_name = "NAME",
        env = "ROLLCALL_ALLOWED_HOSTS",
        value_delimiter = ','
    )]
    allowed_hosts: Vec<String>,
    /// Name of this process in the group; must be unique and stay the same across restarts
    /// [default: the host's name and a suffix that identifies the state directory]
    #[arg(long, env = "ROLLCALL_INSTANCE_ID")]
    instance_id: Option<String>,
    /// Exit if Kafka cannot be reached at startup for this long, such as 30s [default: never]
    #[arg(long, value_parser = humantime::parse_duration)]
    give_up_after: Option<Duration>,
    /// Do not exit when topics do not fit the Reconciliation: report the reason at /v1/status and
    /// check again until it is fixed
    #[arg(long)]
    keep_trying: bool,
    /// What to do when stopped. leave: leave the group, so that others take the shards over at
    /// once. stay: remain a member, so that nothing moves if this process is back within the
    /// session. A URL: ask there; the answer {"wanted": true} means stay
    #[arg(long, value_name = "leave|stay|URL", default_value = "leave")]
    at_stop: ShutdownPolicy,
    /// Base URL of the OpenTelemetry collector to send spans to by OTLP over HTTP, such as
    /// http://localhost:4318 [default: OTEL_EXPORTER_OTLP_ENDPOINT, then spec.tracing.endpoint]
    #[arg(long)]
    otlp_endpoint: Option<String>,
    /// How often to check, while running, that the topics still fit
    #[arg(long, value_parser = humantime::parse_duration, default_value = "1m")]
    topic_check_interval: Duration,
}

const LANES_MAX: usize = 4;
/// Each check connects to the brokers.
const TOPIC_CHECK_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Runs until SIGTERM or SIGINT.
pub fn run(args: Args) -> ExitCode {
    // If a thread panics, the process must not live on and look healthy.
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        told(panic);
        std::process::exit(70);
    }));
    rollcall_worker::raise_limit_of_files();
    let settings = match rollcall_object::load(&args.file) {
        Ok(settings) => settings,
        Err(error) => return failed(&error),
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let host = host_name();
    let given = args.instance_id;
    let options = rollcall_worker::Options {
        instance_id: given
            .unwrap_or_else(|| rollcall_worker::default_instance_id(&host, &args.state_dir)),
        mark: rollcall_worker::mark(&host, &args.state_dir),
        state_dir: args.state_dir,
        lanes: args.lanes.map_or(cores.min(LANES_MAX), NonZeroUsize::get),
        commit_budget: args.commit_budget,
        http: args.http,
        allowed_hosts: args.allowed_hosts,
        give_up_after: args.give_up_after,
        otlp_endpoint: args.otlp_endpoint,
        topic_check_interval: args.topic_check_interval.max(TOPIC_CHECK_INTERVAL_MIN),
        at_stop: args.at_stop,
        on_misfit: if args.keep_trying { OnMisfit::Wait } else { OnMisfit::Exit },
    };
    match rollcall_worker::run(&settings, &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}
