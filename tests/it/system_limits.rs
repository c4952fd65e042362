//! System limits on a process: shards for which there is no room wait and report it, the others
//! run.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::state_api::trouble;
use super::worker::Worker;

const SHARDS: usize = 16;

/// Returns how many shards are in each of these states.
fn shards(worker: &Worker, states: [&str; 2]) -> Option<[usize; 2]> {
    let (_, body) = worker.get("/v1/status")?;
    let status: Value = serde_json::from_str(&body).ok()?;
    let shards = status["shards"].as_array()?.clone();
    Some(states.map(|state| shards.iter().filter(|shard| shard["state"] == state).count()))
}

/// Runs a worker under a command that limits it, and checks that as many shards run as fit.
fn runs_what_fits(name: &str, limit: &[&str], of: &str) {
    let shop =
        Reconciliation::without_topics(&Broker::shared(), name).with("topics/partitions", SHARDS);
    let state = shop.state_dir("w-1");
    // The worker may run as another user.
    let open = |path: &Path| {
        let mode = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(path, mode).expect("it is ours");
    };
    open(state.parent().expect("it has one"));
    let worker = Worker::start_by(limit, &shop, "w-1", &state);
    worker.process.says(&["could not run all shards", of]);
    let message = trouble(&worker, "TooManyShards");
    assert!(message.contains(of), "{message}");
    let fits = eventually("what fits runs", WAIT_TIMEOUT, || {
        let [running, waiting] = shards(&worker, ["running", "waiting"])?;
        (running > 0 && running + waiting == SHARDS).then_some(running)
    });
    assert!(fits < SHARDS, "all fit: the test needs a lower limit");
    let metrics = worker.get("/metrics").expect("it answers").1;
    assert!(metrics.contains("reason=\"TooManyShards\""), "{metrics}");
    assert_eq!(worker.get("/healthz").map(|(status, _)| status), Some(200));
    // With more workers there are fewer shards for each.
    let others = ["w-2", "w-3", "w-4"].map(|name| Worker::start(&shop, name));
    let worker = worker.ready();
    assert_eq!(worker.process.count(&["panicked"]), 0);
    drop((worker, others));
}

#[test]
fn shards_for_whose_files_there_is_no_room_wait_and_the_others_run() {
    runs_what_fits("few-files", &["prlimit", "--nofile=400:400"], "open files");
}

/// Runs a worker under a limit on threads that is too low, checks that it says so, and that it goes
/// on once the limit is raised.
fn waits_for_threads(name: &str, limit: &[&str], of: &str, raise: impl FnOnce(u32)) {
    let shop =
        Reconciliation::without_topics(&Broker::shared(), name).with("topics/partitions", SHARDS);
    let state = shop.state_dir("w-1");
    let mode = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(state.parent().expect("it has one"), mode).expect("it is ours");
    let worker = Worker::start_by(limit, &shop, "w-1", &state);
    worker.process.says(&["could not run all shards", of]);
    let message = trouble(&worker, "TooManyShards");
    assert!(message.contains(of) && message.contains("threads"), "{message}");
    eventually("all shards wait", WAIT_TIMEOUT, || {
        (shards(&worker, ["running", "waiting"])? == [0, SHARDS]).then_some(())
    });
    assert_eq!(worker.get("/healthz").map(|(status, _)| status), Some(200));
    raise(worker.process.id());
    let worker = worker.ready();
    assert_eq!(shards(&worker, ["running", "waiting"]), Some([SHARDS, 0]));
    assert_eq!(worker.process.count(&["panicked"]), 0);
}

#[test]
fn shards_for_whose_threads_there_is_no_room_wait_until_there_is() {
    if !rustix::process::geteuid().is_root() {
        // A limit on threads counts those of all of a user's processes: it needs a separate user.
        return;
    }
    let limit = ["prlimit", "--nproc=60:600", "setpriv", "--reuid=61234", "--clear-groups"];
    waits_for_threads("few-threads", &limit, "processes and threads", |id| {
        let raised = std::process::Command::new("setpriv")
            .args(["--reuid=61234", "--clear-groups", "prlimit"])
            .args(["--pid", &id.to_string(), "--nproc=600:600"])
            .status();
        assert!(raised.expect("prlimit runs").success());
    });
}

/// A private control group that limits processes and threads; removed when dropped.
struct Bounded {
    dir: PathBuf,
}

impl Bounded {
    /// Creates one with this `pids.max` below the group of this process.
    ///
    /// # Errors
    /// Why the machine does not allow that.
    fn new(max: u32) -> Result<Self, String> {
        let groups = std::fs::read_to_string("/proc/self/cgroup").map_err(|it| it.to_string())?;
        // Version 1 has a hierarchy for each controller, version 2 one for all.
        let of = |line: &str| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let path = path.trim_start_matches('/').to_owned();
            match controllers {
                "pids" => Some(Path::new("/sys/fs/cgroup/pids").join(path)),
                "" => Some(Path::new("/sys/fs/cgroup").join(path)),
                _ => None,
            }
        };
        let parents = groups.lines().filter_map(of);
        let name = format!("rollcall-it-{}", std::process::id());
        let mut reasons = vec!["no writable control group bounds processes".to_owned()];
        for dir in parents.map(|parent| parent.join(&name)) {
            let made =
                std::fs::create_dir(&dir).map(|()| Self { dir: dir.clone() }).and_then(|made| {
                    std::fs::write(dir.join("pids.max"), max.to_string()).map(|()| made)
                });
            match made {
                Ok(made) => return Ok(made),
                Err(error) => reasons.push(format!("{}: {error}", dir.display())),
            }
        }
        Err(reasons.join("; "))
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        // An error means that a process is still in it, which is not what is tested.
        let _ = std::fs::remove_dir(&self.dir);
    }
}

#[test]
fn shards_for_which_the_control_group_has_no_room_wait_until_there_is() {
    let bounded = match Bounded::new(60) {
        Ok(bounded) => bounded,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "skipped: pids.max cannot be set here: {why}");
            return;
        }
    };
    let members = bounded.dir.join("cgroup.procs");
    let enter = format!("echo $$ > {} && exec \"$@\"", members.display());
    waits_for_threads("few-pids", &["sh", "-c", &enter, "sh"], "pids.max", |_| {
        std::fs::write(bounded.dir.join("pids.max"), "600").expect("it is ours");
    });
}
