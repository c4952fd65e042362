//! The second table: the same work with different numbers of partitions, and on a cold broker. One
//! line per number and system, so that each number can be compared.

use crate::report::{self, Line};

/// `(partitions, scenario)`.
type Row = (&'static str, &'static str);
/// Measures that share a column: `(heading, measures, decimals)`.
type Column = (&'static str, &'static [&'static str], usize);

const LATENCIES: &[Row] =
    &[("4", "latency"), ("16", "latency-16"), ("64", "latency-64"), ("256", "latency-256")];
const LATENCY: &[Column] = &[
    ("p50 / p90 / p99, ms", &["p50_ms", "p90_ms", "p99_ms"], 0),
    ("longest gap, of one partition, s", &["gap_s", "partition_gap_s"], 2),
    ("of one processor, broker's, %", &["cpu_percent", "broker_cpu_percent"], 0),
];
const BACKLOGS: &[Row] = &[
    ("4", "throughput-100k"),
    ("4, cold broker", "throughput-cold"),
    ("4, headers", "throughput-headers"),
    ("16", "throughput-16"),
    ("64", "throughput-64"),
    ("256", "throughput-256"),
];
const BACKLOG: &[Column] = &[
    ("records/s", &["records_per_s"], 0),
    (
        "CPU-seconds per million records, broker's",
        &["cpu_s_per_million", "broker_cpu_s_per_million"],
        2,
    ),
];
const BOTH: &[Column] = &[
    ("threads", &["threads"], 0),
    ("memory: peak, at rest, MiB", &["rss_mib", "rest_mib"], 0),
    ("start to ready, with state, s", &["ready_s", "ready_with_state_s"], 2),
    ("processors busy with other things", &["noise_cpus"], 2),
];

/// Returns both tables, without those that have no results.
pub(crate) fn tables(lines: &[Line]) -> String {
    let latency = table(lines, "5,000 records/s: partitions", LATENCIES, LATENCY);
    let backlog = table(lines, "backlog: partitions", BACKLOGS, BACKLOG);
    let some = [latency, backlog].into_iter().filter(|table| !table.is_empty());
    some.collect::<Vec<_>>().join("\n")
}

fn table(lines: &[Line], first: &str, rows: &[Row], own: &[Column]) -> String {
    let columns: Vec<&Column> = own.iter().chain(BOTH).collect();
    let mut out = String::new();
    for (partitions, scenario) in rows {
        for system in report::systems(lines) {
            let cells = columns.iter().map(|(_, measures, decimals)| {
                let medians = measures.iter().map(|measure| {
                    report::median(&report::values(lines, scenario, system, measure))
                        .map_or_else(|| "–".to_owned(), |median| report::grouped(median, *decimals))
                });
                medians.collect::<Vec<_>>().join(" / ")
            });
            let cells: Vec<String> = cells.collect();
            let runs = report::runs(lines, scenario, system);
            if runs > 0 {
                out += &format!("| {partitions} | {system} | {runs} | {} |\n", cells.join(" | "));
            }
        }
    }
    if out.is_empty() {
        return out;
    }
    let headings: Vec<&str> = columns.iter().map(|(heading, ..)| *heading).collect();
    let rule = "---:|".repeat(columns.len() + 1);
    format!("| {first} | | runs | {} |\n|---|---|{rule}\n{out}", headings.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(scenario: &str, system: &str, measures: &[(&str, f64)]) -> Line {
        report::line(scenario, system, 1, measures)
    }

    #[test]
    fn a_row_is_one_number_of_partitions_on_one_system_with_medians() {
        let lines = [
            line("latency-64", "new", &[("p50_ms", 10.0), ("p90_ms", 20.0), ("p99_ms", 1500.0)]),
            line("latency-64", "old", &[("p50_ms", 11.0), ("threads", 30.0)]),
            line("latency-64", "new", &[("p50_ms", 14.0), ("p90_ms", 20.0), ("p99_ms", 1500.0)]),
            line("state", "new", &[("rows", 1.0)]),
        ];
        let tables = tables(&lines);
        let rows: Vec<&str> = tables.lines().skip(2).collect();
        let none = "– / – | – / –";
        assert_eq!(
            rows,
            [
                format!("| 64 | new | 2 | 12 / 20 / 1,500 | {none} | – | {none} | – |"),
                format!("| 64 | old | 1 | 11 / – / – | {none} | 30 | {none} | – |"),
            ]
        );
        assert!(tables.lines().all(|row| row.matches('|').count() == 11));
    }

    #[test]
    fn a_table_without_results_is_left_out() {
        assert_eq!(tables(&[line("state", "new", &[("rows", 1.0)])]), "");
        let both = [line("latency", "a", &[]), line("throughput-cold", "a", &[])];
        assert_eq!(tables(&both).matches("|---|").count(), 2);
    }
}
