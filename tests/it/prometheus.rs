//! A real Prometheus scrapes workers under load, and every query of the dashboards must return
//! data. Without a `prometheus` on the PATH, or one built by `scripts/cluster-build prometheus`,
//! the test is skipped with a message.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use super::kafka::{Broker, WAIT_TIMEOUT, free_port};
use super::known_answer::Load;
use super::prometheus_server::{Prometheus, assert_all_return_data, program};
use super::reconciliation::Reconciliation;
use super::worker::{Process, Worker};

fn start(program: &Path, dir: &Path, targets: &[SocketAddr]) -> Prometheus<Process> {
    let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let run = |command: &mut Command| Process::start_command("prometheus", command);
    Prometheus::start(program, dir, http, targets, run)
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
    let prometheus = start(&program_path, &shop.path("."), &targets);
    let load = Load::start(&shop, 77, 500);
    let goes = goes.ready();
    let (mut round, mut spare) = (0, None);
    assert_all_return_data(
        &prometheus,
        &["rollcall-business.json", "rollcall-operation.json"],
        WAIT_TIMEOUT * 3,
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
