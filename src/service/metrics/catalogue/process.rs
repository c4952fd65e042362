//! The process itself.

use super::Group;
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Process",
    about: "The process itself, both for workers and the operator. `process_…` have the same names \
            as in every other Prometheus client.",
    metrics: &[
        &BUILD_INFO,
        &CPU_SECONDS,
        &RESIDENT_BYTES,
        &VIRTUAL_BYTES,
        &THREADS,
        &OPEN_FDS,
        &MAX_FDS,
        &START_TIME,
    ],
};

pub static BUILD_INFO: Metric =
    Metric::gauge("rollcall_build_info", "boolean", "1, labelled with the running version")
        .by(&[Label { name: "version", values: "one" }]);

pub static CPU_SECONDS: Metric =
    Metric::counter("process_cpu_seconds_total", "seconds", "CPU time, user and system");

pub static RESIDENT_BYTES: Metric =
    Metric::gauge("process_resident_memory_bytes", "bytes", "Resident memory");

pub static VIRTUAL_BYTES: Metric =
    Metric::gauge("process_virtual_memory_bytes", "bytes", "Virtual memory");

pub static THREADS: Metric = Metric::gauge("process_threads", "threads", "Threads");

pub static OPEN_FDS: Metric =
    Metric::gauge("process_open_fds", "descriptors", "Open file descriptors");

pub static MAX_FDS: Metric =
    Metric::gauge("process_max_fds", "descriptors", "Maximum number of open file descriptors");

pub static START_TIME: Metric = Metric::gauge(
    "process_start_time_seconds",
    "seconds",
    "Start time of the process, since the epoch",
);
