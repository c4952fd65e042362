//! The machine: its clock, its processor time, and the resources of a process. Linux only.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since the Unix epoch.
pub(crate) type Micros = i64;

/// Linux reports processor time in hundredths of a second, whatever the kernel's own tick rate.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns the wall clock, which the broker on this machine also uses for timestamps.
pub(crate) fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_micros()).expect("the clock is before the year 290000")
}

/// Resources used by a process since its start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// User and system time of all threads, including ended ones.
    pub cpu_seconds: f64,
    /// The peak resident memory.
    pub peak_mib: f64,
    /// The resident memory now.
    pub now_mib: f64,
    /// The threads now.
    pub threads: f64,
}

/// Returns the resources used by the process, or zeros if it is gone.
pub(crate) fn usage(pid: u32) -> Usage {
    let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    usage_in(&read("stat"), &read("status"))
}

fn usage_in(stat: &str, status: &str) -> Usage {
    // The name in parentheses may contain spaces; the fields after it do not.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).map(number).sum();
    let field = |name| {
        let rest = status.lines().find_map(|line| line.strip_prefix(name));
        rest.and_then(|rest| rest.split_whitespace().next()).map_or(0.0, number)
    };
    Usage {
        cpu_seconds: ticks / TICKS_PER_SECOND,
        peak_mib: field("VmHWM:") / 1024.0,
        now_mib: field("VmRSS:") / 1024.0,
        threads: field("Threads:"),
    }
}

/// Returns the seconds that all processors together were busy since the machine started.
pub(crate) fn busy_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // user nice system idle iowait irq softirq; the two idle ones are left out.
    let busy: f64 = fields
        .take(7)
        .enumerate()
        .filter(|(i, _)| *i != 3 && *i != 4)
        .map(|(_, f)| number(f))
        .sum();
    busy / TICKS_PER_SECOND
}

/// Returns a one-line description of the machine.
pub(crate) fn description() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_whitespace().nth(1).map_or(0.0, number);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{count} × {model}, {:.0} GiB, Linux {}", kib / 1024.0 / 1024.0, kernel.trim())
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_is_read_whatever_the_name_of_the_process() {
        let stat = "77 (a (b) c) S 1 77 77 0 -1 4194304 9 0 0 0 250 150 0 0 20 0 9 0 100 1 1";
        let status = "Name:\ta\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\nThreads:\t9\n";
        let usage = usage_in(stat, status);
        assert_eq!((usage.cpu_seconds, usage.threads), (4.0, 9.0));
        assert_eq!((usage.peak_mib, usage.now_mib), (2.0, 1.0));
    }

    #[test]
    fn a_process_that_is_gone_used_nothing() {
        let usage = usage_in("", "");
        assert_eq!((usage.cpu_seconds, usage.threads, usage.peak_mib), (0.0, 0.0, 0.0));
    }
}
