//! A real Prometheus: it scrapes workers under load, and every query of the dashboards has to
//! return data. Without a `prometheus` on the PATH, or built by `scripts/cluster-build prometheus`,
//! there is nothing to ask, and the test says so.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rollcall::metrics::{Kind, Page, catalogue};
use serde_json::Value;

use super::eventually::eventually;
use super::kafka::{Broker, PATIENCE, free_port};
use super::known_answer::Load;
use super::reconciliation::Reconciliation;
use super::worker::{Process, Worker, get};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Returns a program of Prometheus, if there is one.
fn program(name: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([cache.join("rollcall/cluster/bin")]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A Prometheus that scrapes `targets` every second, with the rules of the chart.
struct Prometheus {
    http: SocketAddr,
    _process: Process,
}

impl Prometheus {
    fn start(program: &Path, dir: &Path, targets: &[SocketAddr]) -> Self {
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
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
        let process = Process::start_command("prometheus", &mut command);
        Self { http, _process: process }
    }

    fn ask(&self, path: &str) -> Option<Value> {
        let (status, body) = get(self.http, path)?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        assert_ne!(status, 400, "{path}: {}", answer["error"]);
        (status == 200).then(|| answer["data"].clone())
    }

    /// Returns how many series a query finds now.
    fn series(&self, query: &str) -> usize {
        let mut encoded = String::new();
        for byte in query.bytes() {
            write!(encoded, "%{byte:02X}").expect("a String takes every text");
        }
        let found = self.ask(&format!("/api/v1/query?query={encoded}"));
        found.and_then(|data| Some(data["result"].as_array()?.len())).unwrap_or(0)
    }
}

/// Returns the queries of a dashboard, with what Grafana would put in for its variables.
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
            let names = ["namespace", "reconciliation", "worker", "topic"];
            let all = |query: String, name: &&str| query.replace(&format!("${name}"), ".*");
            (title.clone(), names.iter().fold(query, all))
        })
    };
    panels.iter().flat_map(of).collect()
}

/// Fails for the queries that never return data while `meanwhile` keeps things moving.
fn assert_all_return_data(
    prometheus: &Prometheus,
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

#[test]
fn every_query_of_the_workers_dashboards_returns_data_under_load() {
    let Some(program_path) = program("prometheus") else {
        eprintln!("skipped: no prometheus; build it with scripts/cluster-build prometheus");
        return;
    };
    let shop = Reconciliation::new(&Broker::shared(), "watched").with("overdue/after", "2s");
    let stays = shop.worker("w-1");
    let goes = Worker::start(&shop, "w-2");
    let targets = [stays.http(), goes.http()];
    let prometheus = Prometheus::start(&program_path, &shop.path("."), &targets);
    let load = Load::start(&shop, 77, 500);
    let goes = goes.ready();
    let (mut round, mut spare) = (0, None);
    assert_all_return_data(
        &prometheus,
        &["rollcall-business.json", "rollcall-operation.json"],
        PATIENCE * 3,
        || {
            round += 1;
            shop.made_value(Some("bad"), Some("{"));
            shop.order(&format!("late-{round}"), &[1]);
            shop.flush();
            load.pass(200);
            // Shards come and go.
            spare = if round % 8 == 3 { Some(Worker::start(&shop, "w-3")) } else { spare.take() };
            if round % 8 == 7
                && let Some(mut worker) = spare.take()
            {
                worker.process.terminate();
            }
        },
    );
    let rules = prometheus.ask("/api/v1/rules").expect("it answers");
    let rules = rules["groups"].as_array().expect("groups").iter();
    for rule in rules.flat_map(|group| group["rules"].as_array().expect("rules")) {
        assert_eq!(rule["health"], "ok", "{}: {}", rule["name"], rule["lastError"]);
    }
    assert!(prometheus.series("reconciliation:rollcall_lag_seconds:max") > 0);
    load.finish();
    drop((goes, stays));
}

#[test]
fn prometheus_finds_nothing_to_mend_in_what_a_worker_tells() {
    let Some(promtool) = program("promtool") else {
        eprintln!("skipped: no promtool; build it with scripts/cluster-build prometheus");
        return;
    };
    let shop = Reconciliation::new(&Broker::shared(), "linted");
    let worker = shop.worker("w-1");
    shop.order("o-1", &[1]);
    shop.settle();
    let text = worker.get("/metrics").expect("it answers").1;
    let mut check = Command::new(promtool);
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut check = check.stderr(Stdio::piped()).spawn().expect("promtool runs");
    check.stdin.take().expect("it was asked for").write_all(text.as_bytes()).expect("it reads");
    let output = check.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// Answers scrapes as the operator's catalogue has it, with numbers that grow.
fn pretend_operator() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it listens");
    thread::spawn(move || {
        for (scrape, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 4096]);
            let mut page = Page::new(&[]);
            let groups = catalogue::OPERATOR.iter().flat_map(|group| group.metrics.iter());
            for metric in groups {
                let labels = vec!["some"; metric.labels.len()];
                if metric.kind == Kind::Histogram {
                    let mut histogram = rollcall::metrics::Histogram::new(&[10, 1_000]);
                    (0..scrape).for_each(|n| histogram.observe(n as u64));
                    page.family(metric).histogram(&labels, &histogram, 1e3);
                } else {
                    let mut family = page.family(metric);
                    family.sample(&labels, scrape);
                    if metric.labels.iter().any(|label| label.name == "result") {
                        family.sample(&["error"], scrape);
                    }
                }
            }
            rollcall::metrics::process::write(&mut page);
            let text = page.finish();
            let head = "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n";
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{text}", text.len());
        }
    });
    address
}

/// The operator's own metrics are tested with the operator; here its dashboard is, against what the
/// catalogue says of them.
#[test]
fn every_query_of_the_operators_dashboard_returns_data() {
    let Some(program_path) = program("prometheus") else {
        eprintln!("skipped: no prometheus; build it with scripts/cluster-build prometheus");
        return;
    };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let prometheus = Prometheus::start(&program_path, dir.path(), &[pretend_operator()]);
    eventually("prometheus scrapes", PATIENCE, || (prometheus.series("up") > 0).then_some(()));
    assert_all_return_data(&prometheus, &["rollcall-operator.json"], PATIENCE, || {});
}
