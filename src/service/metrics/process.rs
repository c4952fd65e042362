//! Metrics of the process, as Linux reports them; every command that has metrics exposes these.

use std::fs;

use prometheus::{
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::{Families, Metric, catalogue::process};

/// Collects what is known; on other systems than Linux that is little more than the version.
#[derive(Debug)]
pub struct Process(Vec<Desc>);

impl Default for Process {
    fn default() -> Self {
        Self(process::GROUP.metrics.iter().copied().map(Metric::desc).collect())
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.0.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = Families::default();
        collect(&mut families);
        families.finish()
    }
}

fn collect(families: &mut Families) {
    families.family(&process::BUILD_INFO).sample(&[env!("CARGO_PKG_VERSION")], 1_u8);
    if let Some(stat) = Stat::read() {
        families.single(&process::CPU_SECONDS, stat.cpu_seconds);
        families.single(&process::RESIDENT_BYTES, stat.resident_bytes);
        families.single(&process::VIRTUAL_BYTES, stat.virtual_bytes);
        families.single(&process::THREADS, stat.threads);
        if let Some(booted) = booted_at() {
            families.single(&process::START_TIME, booted + stat.started_after_boot);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        families.single(&process::OPEN_FDS, open.count());
    }
    if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        families.single(&process::MAX_FDS, most);
    }
}

/// The contents of `/proc/self/stat`.
struct Stat {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    threads: u64,
    started_after_boot: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Self::parse(&text, ticks, rustix::param::page_size() as u64)
    }

    fn parse(text: &str, ticks_per_second: f64, page_bytes: u64) -> Option<Self> {
        // The program's name is in parentheses and may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // Fields are numbered from 1 in proc(5), and these begin with the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) as f64 / ticks_per_second,
            threads: field(20)?,
            started_after_boot: field(22)? as f64 / ticks_per_second,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page_bytes,
        })
    }
}

/// Returns when the machine was booted, in seconds since the epoch.
fn booted_at() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_brackets_in_its_name_is_read_right() {
        let text = "42 (a) b (c) S 1 42 42 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 7 0 300 4096 3 1";
        let stat = Stat::parse(text, 100.0, 4_096).expect("all fields are there");
        assert_eq!((stat.cpu_seconds, stat.threads), (2.0, 7));
        assert_eq!((stat.virtual_bytes, stat.resident_bytes), (4_096, 12_288));
        assert_eq!(stat.started_after_boot, 3.0);
    }
}
