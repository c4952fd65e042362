//! A real Prometheus, and the queries of dashboards.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::http::get;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Returns the path of one of Prometheus's programs, if it is available.
pub fn program(name: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([cache.join("rollcall/cluster/bin")]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A Prometheus that scrapes `targets` every second, with the rules of the chart.
pub struct Prometheus<P> {
    http: SocketAddr,
    _process: P,
}

impl<P> Prometheus<P> {
    /// Starts one with its data in `dir` and its API at `http`; `start` runs the command.
    pub fn start(
        program: &Path,
        dir: &Path,
        http: SocketAddr,
        targets: &[SocketAddr],
        start: impl FnOnce(&mut Command) -> P,
    ) -> Self {
        let mut config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{ROOT}/charts/rollcall/rules/*.yaml']\n\
             scrape_configs:\n\
             - job_name: any\n  honor_labels: true\n  static_configs:\n"
        );
        for target in targets {
            writeln!(config, "  - targets: ['{target}']").expect("a String takes every text");
        }
        let file = dir.join("prometheus.yaml");
        std::fs::write(&file, config).expect("the directory is ours");
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("tsdb").display()))
            .arg(format!("--web.listen-address={http}"));
        Self { http, _process: start(&mut command) }
    }

    /// Returns the data of a response.
    pub fn ask(&self, path: &str) -> Option<Value> {
        let (status, body) = get(self.http, path)?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        assert_ne!(status, 400, "{path}: {}", answer["error"]);
        (status == 200).then(|| answer["data"].clone())
    }

    /// Returns the number of series that a query currently finds.
    pub fn series(&self, query: &str) -> usize {
        let mut encoded = String::new();
        for byte in query.bytes() {
            write!(encoded, "%{byte:02X}").expect("a String takes every text");
        }
        let found = self.ask(&format!("/api/v1/query?query={encoded}"));
        found.and_then(|data| Some(data["result"].as_array()?.len())).unwrap_or(0)
    }
}

/// Returns the queries of a dashboard, with values for Grafana's variables.
fn queries(board: &str) -> Vec<(String, String)> {
    let path = Path::new(ROOT).join("charts/rollcall/dashboards").join(board);
    let text = std::fs::read_to_string(path).expect("the dashboard is there");
    let board: Value = serde_json::from_str(&text).expect("a dashboard is JSON");
    let panels = board["panels"].as_array().expect("it has panels").clone();
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap_or_default().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| {
            let query = target["expr"].as_str().unwrap_or_default();
            let query = query.replace("$__rate_interval", "10s").replace("$__range", "5m");
            // What Grafana sends to a Prometheus without a `cluster` label.
            let query = query.replace("$cluster", "");
            let names = ["namespace", "reconciliation", "worker", "topic"];
            let all = |query: String, name: &&str| query.replace(&format!("${name}"), ".*");
            (title.clone(), names.iter().fold(query, all))
        })
    };
    panels.iter().flat_map(of).collect()
}

/// Fails for queries that never return data while `meanwhile` keeps things moving.
pub fn assert_all_return_data<P>(
    prometheus: &Prometheus<P>,
    boards: &[&str],
    patience: Duration,
    mut meanwhile: impl FnMut(),
) {
    let mut without: Vec<_> = boards.iter().flat_map(|board| queries(board)).collect();
    let until = std::time::Instant::now() + patience;
    while !without.is_empty() && std::time::Instant::now() < until {
        without.retain(|(_, query)| prometheus.series(query) == 0);
        meanwhile();
    }
    assert!(without.is_empty(), "queries without data: {without:#?}");
}
