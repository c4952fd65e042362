//! What happens to pods that nobody planned for: one is killed, and a node is drained.

use super::eventually::eventually;
use super::kubectl::WAIT_TIMEOUT;
use super::load::Load;
use super::object::Object;

/// Kills a worker without a chance to say goodbye.
pub fn crash(object: &Object, load: &mut Load) {
    let shop = &object.shop;
    let id = || shop.get("pod/shipping-0").map(|pod| pod["metadata"]["uid"].clone());
    let killed = id().expect("it runs");
    shop.run(&["delete", "pod", "shipping-0", "--grace-period", "0", "--force"]);
    eventually("another shipping-0 is there", WAIT_TIMEOUT, || id().filter(|id| *id != killed));
    object.ready(2);
    load.flows("after a crash");
}

/// Drains the only node. Evicted pods have nowhere to go, so the budget has to keep one worker.
pub fn drain(object: &Object, load: &mut Load) {
    let workers = "app.kubernetes.io/component=worker";
    let options = ["--ignore-daemonsets", "--delete-emptydir-data", "--timeout", "15s"];
    let command = [&["drain", "node", "--pod-selector", workers], &options[..]].concat();
    let told = object.shop.cluster.attempt(&command, "");
    let told = told.expect_err("the drain did not stop at the budget");
    assert!(told.contains("disruption budget"), "{told}");
    load.flows("while a node is drained");
    object.shop.cluster.run(&["uncordon", "node"], "");
    object.ready(2);
    load.flows("after that");
}
