//! The Reconciliation and its Secrets.

use serde_json::{Value, json};

use super::eventually::eventually_or;
use super::kafka::{Kafka, USER};
use super::kubectl::{Namespace, WAIT_TIMEOUT, condition};
use super::load::Load;

/// The token of the console.
pub const TOKEN: &str = "open-sesame";

/// The object `shipping`.
pub struct Object {
    pub shop: Namespace,
    manifest: String,
}

impl Object {
    /// Creates the Secrets and the object, and waits until its worker is ready.
    pub fn create(shop: &Namespace, kafka: &Kafka) -> Self {
        let manifest = include_str!("shipping.yaml").replace("${KAFKA}", &kafka.for_workers());
        let object = Self { shop: shop.clone(), manifest };
        kafka.set_password("before");
        object.log_in(kafka, "one", "before");
        object.secret("kafka-ca", "Opaque", &json!({ "ca.crt": kafka.pem("broker-ca.crt") }));
        object.secret("console-token", "Opaque", &json!({ "token": TOKEN }));
        object.apply();
        let monitors = shop.run(&["get", "podmonitors", "-o", "name"]);
        assert_eq!(monitors, "podmonitor.monitoring.coreos.com/shipping\n");
        object
    }

    /// Applies the Secrets that workers log in with: the certificate of that name and the password.
    pub fn log_in(&self, kafka: &Kafka, certificate: &str, password: &str) {
        let pem = |kind: &str| kafka.pem(&format!("{certificate}.{kind}"));
        let pair = json!({ "tls.crt": pem("crt"), "tls.key": pem("key") });
        self.secret("kafka-certificate", "kubernetes.io/tls", &pair);
        self.secret("kafka-login", "Opaque", &json!({ "username": USER, "password": password }));
    }

    fn secret(&self, name: &str, type_: &str, data: &Value) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": type_,
            "metadata": { "name": name }, "stringData": data,
        });
        self.shop.apply(&secret.to_string());
    }

    fn apply(&self) {
        self.shop.apply(&self.manifest);
        let wait = ["wait", "--for", "condition=Ready", "recon/shipping", "--timeout", "120s"];
        self.shop.run(&wait);
        self.ready(1);
    }

    /// Waits until the object and its workers report this many as ready.
    #[track_caller]
    pub fn ready(&self, workers: u32) {
        let why = format!("{workers} workers are ready");
        self.shop.until("statefulset/shipping", &why, |set| {
            let status = &set["status"];
            status["readyReplicas"] == workers && status["replicas"] == workers
        });
        self.shop.until("recon/shipping", &why, |object| {
            let ready = condition(object, "Ready")["status"] == "True";
            ready && object["status"]["readyReplicas"] == workers
        });
    }

    /// Returns the ids of the pods that have this label, of all pods if it is empty.
    pub fn pods(&self, label: &str) -> Result<Vec<String>, String> {
        let ids = "jsonpath={.items[*].metadata.uid}";
        let ids = self.shop.attempt(&["get", "pods", "--selector", label, "-o", ids])?;
        Ok(ids.split_whitespace().map(str::to_owned).collect())
    }

    /// Deletes the object and creates it again: the new workers continue where the changelog ends.
    pub fn recreate(&self, load: &mut Load) {
        self.shop.run(&["delete", "recon", "shipping", "--timeout", "60s"]);
        eventually_or("workers and volumes are gone", WAIT_TIMEOUT, || {
            let left = self.shop.attempt(&["get", "pods,pvc", "-o", "name"])?;
            if left.is_empty() { Ok(()) } else { Err(left) }
        });
        self.apply();
        load.flows("with the state of the changelog");
    }
}
