//! Everything together on a real node: image, chart, operator, pods and a real Kafka on the host,
//! under load, compared record by record with the known answer.
//!
//! One test in stages, because each stage begins where the last one ended. It needs the node that
//! `scripts/e2e` starts, which also ends everything that is started here. Nothing here waits for
//! time to pass: only for a condition to become true.

#![allow(unreachable_pub, reason = "the modules of one program are its only users")]
#![allow(clippy::print_stdout, reason = "whoever waits for it sees how far it is")]

mod aftermath;
#[path = "../shared/certificates.rs"]
mod certificates;
mod command;
mod console;
mod disruption;
#[path = "../shared/eventually.rs"]
mod eventually;
#[path = "../shared/http.rs"]
mod http;
mod kafka;
#[path = "../shared/kubectl.rs"]
mod kubectl;
mod load;
mod object;
mod release;
mod rotation;
mod scaling;
mod stages;
#[path = "../shared/watchdog.rs"]
mod watchdog;

use std::path::PathBuf;
use std::sync::Arc;

use aftermath::Aftermath;
use console::Console;
use kafka::Kafka;
use kubectl::Cluster;
use load::Load;
use object::Object;
use release::Release;
use stages::Stages;

#[test]
#[ignore = "it needs root, a node and minutes: scripts/e2e"]
fn nothing_is_lost_and_nothing_sent_twice_while_everything_around_it_changes() {
    let kubeconfig = PathBuf::from(exported("KUBECONFIG"));
    let cluster = Arc::new(Cluster { kubeconfig, kubectl: PathBuf::from("kubectl") });
    let _told_at_the_end = Aftermath::of(&cluster);
    let mut stages = Stages::default();

    let kafka = stages.run("a Kafka", || Kafka::start(&PathBuf::from(exported("WORK"))));
    let release = stages.run("helm install and test", || Release::install(&cluster));
    let object = stages.run("one object, ready", || Object::create(&release.shop, &kafka));
    let mut load = stages.run("10,000 orders", || Load::start(&kafka.for_the_load()));
    stages.run("scaling 1, 3, 2 under load", || scaling::scale(&object, &mut load));
    let console = stages.run("the console", || Console::open(&object));
    stages.run("certificate and password rotated", || {
        rotation::rotate(&object, &kafka, &console, &mut load);
    });
    stages.run("a worker's crash", || disruption::crash(&object, &mut load));
    stages.run("a node's drain", || disruption::drain(&object, &mut load));
    stages.run("the chart's upgrade", || release.upgrade(&object, &mut load));
    stages.run("the object deleted and made again", || object.recreate(&mut load));
    stages.run("the verdict", || load.verdict());
    stages.run("uninstalling", || release.uninstall(&kafka));
    stages.print();
}

/// Returns what `scripts/e2e` exports under this name.
fn exported(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run scripts/e2e"))
}
