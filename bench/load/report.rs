//! Results: one line of JSON per measurement, and tables of medians, printed or in a document.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::bench::Measures;
use crate::{machine, partitions};

/// Where results are read from and written to.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// File with one JSON result a line.
    #[arg(long)]
    results: PathBuf,
    #[arg(long, default_value = "main")]
    table: Table,
    /// Document in which the lines between `<!-- NAME -->` and `<!-- /NAME -->` are replaced;
    /// without one, the table is printed.
    #[arg(long, requires = "block")]
    document: Option<PathBuf>,
    #[arg(long, requires = "document")]
    block: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Table {
    /// One line per measure.
    Main,
    /// One line per number of partitions.
    Partitions,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    scenario: String,
    system: String,
    run: u32,
    /// UTC, with a resolution of one second.
    at: String,
    machine: String,
    measures: BTreeMap<String, f64>,
}

/// How a measure is shown: `(what, scenario, measure, decimals, unit)`.
type Shown = (&'static str, &'static str, &'static str, usize, &'static str);

const TABLE: &[Shown] = &[
    ("records/s, 1 k orders open", "throughput-1k", "records_per_s", 0, ""),
    ("– CPU-seconds per million records", "throughput-1k", "cpu_s_per_million", 2, ""),
    ("– peak memory", "throughput-1k", "rss_mib", 0, " MiB"),
    ("records/s, 100 k orders open", "throughput-100k", "records_per_s", 0, ""),
    ("– CPU-seconds per million records", "throughput-100k", "cpu_s_per_million", 2, ""),
    ("– peak memory", "throughput-100k", "rss_mib", 0, " MiB"),
    ("– processors busy with other things meanwhile", "throughput-100k", "noise_cpus", 2, ""),
    (
        "– start of the process to the last completion",
        "throughput-100k",
        "seconds_from_start",
        1,
        " s",
    ),
    ("records/s, 0.6 M orders open", "throughput-600k", "records_per_s", 0, ""),
    ("– CPU-seconds per million records", "throughput-600k", "cpu_s_per_million", 2, ""),
    ("– peak memory", "throughput-600k", "rss_mib", 0, " MiB"),
    ("records/s, 1 M orders open", "throughput-1m", "records_per_s", 0, ""),
    ("– CPU-seconds per million records", "throughput-1m", "cpu_s_per_million", 2, ""),
    ("– peak memory", "throughput-1m", "rss_mib", 0, " MiB"),
    ("latency at 5 k records/s, p50", "latency", "p50_ms", 0, " ms"),
    ("– p99", "latency", "p99_ms", 0, " ms"),
    ("– p99.9", "latency", "p999_ms", 0, " ms"),
    ("– of one processor", "latency", "cpu_percent", 1, " %"),
    ("– peak memory", "latency", "rss_mib", 0, " MiB"),
    ("keys in the state", "state", "rows", 0, ""),
    (
        "kill -9 under load, started again at once: all partitions flow",
        "state",
        "recovery_s",
        2,
        " s",
    ),
    ("– CPU-seconds", "state", "recovery_cpu_s", 1, ""),
    ("state lost, restored: all partitions flow", "state", "restore_s", 2, " s"),
    ("– CPU-seconds", "state", "restore_cpu_s", 1, ""),
    ("– changelog offsets", "state", "changelog_offsets", 0, ""),
    ("– changelog offsets/s, the start included", "state", "restored_per_s", 0, ""),
    ("– peak memory", "state", "restore_rss_mib", 0, " MiB"),
    ("graceful stop of one of two: longest gap of what moves", "graceful", "gap_moved_s", 2, " s"),
    ("– of what stays", "graceful", "gap_staying_s", 2, " s"),
    ("– until the process has ended", "graceful", "exit_s", 2, " s"),
    (
        "kill -9 of one of two (session 10 s): longest gap of what moves",
        "failover",
        "gap_moved_s",
        2,
        " s",
    ),
    ("– of what stays", "failover", "gap_staying_s", 2, " s"),
    ("– longest gap before", "failover", "gap_before_s", 2, " s"),
];

/// Measures that are 0 in every result with a right answer.
const ERRORS: [&str; 3] = ["lost", "duplicated", "unfounded"];

/// Appends a result, prints it, and returns how many measurements failed: 1 for a wrong answer.
pub(crate) fn append(
    results: &Path,
    scenario: &str,
    system: &str,
    run: u32,
    measures: &Measures,
) -> Result<u32, Failure> {
    let line = line(scenario, system, run, measures);
    let mut file = File::options().create(true).append(true).open(results)?;
    writeln!(file, "{}", serde_json::to_string(&line)?)?;
    let said: Vec<String> =
        measures.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
    eprintln!("{scenario} {system} run {run}: {}", said.join(", "));
    let wrong = measures.iter().any(|(name, value)| ERRORS.contains(name) && *value > 0.0);
    if wrong {
        eprintln!("{scenario} {system} run {run}: WRONG ANSWER");
    }
    Ok(u32::from(wrong))
}

pub(crate) fn line(scenario: &str, system: &str, run: u32, measures: &[(&str, f64)]) -> Line {
    Line {
        scenario: scenario.to_owned(),
        system: system.to_owned(),
        run,
        at: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string(),
        machine: machine::description(),
        measures: measures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
    }
}

/// Replaces the block in the document with a table of the results, or prints the table.
pub(crate) fn write(arguments: &Arguments) -> Result<(), Failure> {
    let text = fs::read_to_string(&arguments.results)?;
    let lines: Vec<Line> =
        text.lines().map(serde_json::from_str).collect::<Result<_, serde_json::Error>>()?;
    let table = match arguments.table {
        Table::Main => {
            let table = table(&lines);
            heading(&lines, "Medians, with the number of runs where there were several.")? + &table
        }
        Table::Partitions => heading(&lines, "Medians.")? + &partitions::tables(&lines),
    };
    let (Some(path), Some(block)) = (&arguments.document, &arguments.block) else {
        writeln!(std::io::stdout(), "{table}")?;
        return Ok(());
    };
    let document = fs::read_to_string(path)?;
    let (start, end) = (format!("<!-- {block} -->"), format!("<!-- /{block} -->"));
    let missing = || format!("{} has no block {start} … {end}", path.display());
    let (before, rest) = document.split_once(&start).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    fs::write(path, format!("{before}{start}\n{table}{end}{after}"))?;
    Ok(())
}

fn heading(lines: &[Line], what: &str) -> Result<String, Failure> {
    let last = lines.last().ok_or("there are no results")?;
    let date = last.at.split(' ').next().unwrap_or_default();
    Ok(format!("{}; {date}; broker and load generator beside it.\n{what}\n\n", last.machine))
}

/// Returns the names of the systems in the order in which they were measured first.
pub(crate) fn systems(lines: &[Line]) -> Vec<&str> {
    let mut systems: Vec<&str> = Vec::new();
    for line in lines {
        if !systems.contains(&line.system.as_str()) {
            systems.push(&line.system);
        }
    }
    systems
}

fn table(lines: &[Line]) -> String {
    let systems = systems(lines);
    let mut out = String::new();
    out += &format!("| | {} |\n|---|{}\n", systems.join(" | "), "---:|".repeat(systems.len()));
    for &(what, scenario, measure, decimals, unit) in TABLE {
        let cells: Vec<String> = systems
            .iter()
            .map(|system| cell(&values(lines, scenario, system, measure), decimals, unit))
            .collect();
        if cells.iter().any(|cell| cell != "–") {
            out += &format!("| {what} | {} |\n", cells.join(" | "));
        }
    }
    for error in ERRORS {
        let sum = |system: &&str| {
            let own = lines.iter().filter(|line| line.system == **system);
            own.filter_map(|line| line.measures.get(error)).sum::<f64>().to_string()
        };
        let cells: Vec<String> = systems.iter().map(sum).collect();
        out += &format!("| completions {error}, over all of this | {} |\n", cells.join(" | "));
    }
    out
}

fn of<'a>(lines: &'a [Line], scenario: &str, system: &str) -> impl Iterator<Item = &'a Line> {
    lines.iter().filter(move |line| line.scenario == scenario && line.system == system)
}

pub(crate) fn runs(lines: &[Line], scenario: &str, system: &str) -> usize {
    of(lines, scenario, system).count()
}

pub(crate) fn values(lines: &[Line], scenario: &str, system: &str, measure: &str) -> Vec<f64> {
    let own = of(lines, scenario, system);
    own.filter_map(|line| line.measures.get(measure).copied()).collect()
}

fn cell(values: &[f64], decimals: usize, unit: &str) -> String {
    let Some(median) = median(values) else { return "–".to_owned() };
    let runs = if values.len() > 1 { format!(" ({})", values.len()) } else { String::new() };
    format!("{}{unit}{runs}", grouped(median, decimals))
}

pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    Some((sorted[(sorted.len() - 1) / 2] + upper) / 2.0)
}

/// Formats a number with commas between thousands.
pub(crate) fn grouped(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let (whole, fraction) =
        text.split_once('.').map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    fraction.map_or_else(|| out.clone(), |fraction| format!("{out}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_the_median_and_says_how_many_runs_there_were() {
        assert_eq!(cell(&[3.0, 1.0, 2000.0], 1, " s"), "3.0 s (3)");
        assert_eq!(cell(&[1.0, 2.0], 1, ""), "1.5 (2)");
        assert_eq!(cell(&[7.0], 0, " MiB"), "7 MiB");
        assert_eq!(cell(&[], 0, ""), "–");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(grouped(999.0, 0), "999");
        assert_eq!(grouped(1000.0, 0), "1,000");
    }
}
