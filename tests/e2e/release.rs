//! The chart's release: installed, upgraded, and taken away.

use std::sync::Arc;

use super::command;
use super::kafka::Kafka;
use super::kubectl::{Cluster, Namespace};
use super::load::Load;
use super::object::Object;

const CHART: &str = "charts/rollcall";
const SECRETS: &str = "{kafka-login,kafka-ca,kafka-certificate,console-token}";
const OF_THE_RELEASE: &str = "app.kubernetes.io/instance=rollcall";

/// The operator, and the namespace of its users.
pub struct Release {
    system: Namespace,
    pub shop: Namespace,
}

impl Release {
    /// Installs the chart and runs its test.
    pub fn install(cluster: &Arc<Cluster>) -> Self {
        let system = cluster.namespace("rollcall-system");
        let release = Self { system, shop: cluster.namespace("shop") };
        // The kinds of the Prometheus Operator, without the operator.
        cluster.run(&["apply", "--server-side", "-f", &super::exported("MONITORING")], "");
        let image = super::exported("IMAGE");
        let (repository, tag) = image.rsplit_once(':').expect("the image has a tag");
        let values = [
            format!("image.repository={repository}"),
            format!("image.tag={tag}"),
            "image.pullPolicy=Never".to_owned(),
            "replicas=2".to_owned(),
            "rbac.secrets[0].namespace=shop".to_owned(),
            format!("rbac.secrets[0].names={SECRETS}"),
            "metrics.podMonitor.enabled=true".to_owned(),
            "metrics.rules.enabled=true".to_owned(),
            "metrics.dashboards.enabled=true".to_owned(),
        ];
        let mut install = vec!["install", "rollcall", CHART, "--wait", "--timeout", "60s"];
        values.iter().for_each(|value| install.extend(["--set", value]));
        release.helm(&install);
        release.helm(&["test", "rollcall", "--timeout", "60s"]);
        release
    }

    /// Upgrades to another operator with the same image: workers have no reason to restart.
    pub fn upgrade(&self, object: &Object, load: &mut Load) {
        self.assert_nothing_was_refused();
        let pods = || object.pods("").expect("the API server answers");
        let before = pods();
        let set = ["--reuse-values", "--set", "logFilter=debug", "--wait", "--timeout", "90s"];
        self.helm(&[&["upgrade", "rollcall", CHART], &set[..]].concat());
        load.flows("after an upgrade");
        object.ready(2);
        assert_eq!(pods(), before, "pods were replaced");
    }

    /// Fails unless the permissions that the chart grants have been enough so far.
    fn assert_nothing_was_refused(&self) {
        let operators = "app.kubernetes.io/component=operator";
        let log = ["logs", "--selector", operators, "--prefix", "--tail", "-1"];
        let log = self.system.run(&log);
        let refusals = ["forbidden", "may not", "not allowed"];
        let is_refusal = |line: &&str| {
            let line = line.to_lowercase();
            refusals.iter().any(|words| line.contains(words))
        };
        let refused: Vec<&str> = log.lines().filter(is_refusal).collect();
        assert!(refused.is_empty(), "the operator lacks a right:\n{}", refused.join("\n"));
        assert!(log.contains("applied"), "no operator says that it applied the object:\n{log}");
    }

    /// Uninstalls the chart. The definition, the objects and their workers stay; everything else of
    /// the release is gone, and a missing operator blocks nobody.
    pub fn uninstall(&self, kafka: &Kafka) {
        self.helm(&["uninstall", "rollcall", "--wait", "--timeout", "60s"]);
        let objects = self.shop.run(&["get", "recon", "-o", "name"]);
        assert_eq!(objects, "reconciliation.rollcall.dev/shipping\n");
        let set = self.shop.get("statefulset/shipping").expect("the workers stay");
        assert_eq!(set["status"]["readyReplicas"], 1);

        let kinds = "deployments,services,serviceaccounts,roles,rolebindings,\
                     poddisruptionbudgets,configmaps,podmonitors,prometheusrules,\
                     clusterroles,clusterrolebindings";
        let left = self.system.run(&["get", kinds, "--selector", OF_THE_RELEASE, "-o", "name"]);
        assert_eq!(left, "", "of the release is left");

        let delete = ["delete", "namespace", &self.shop.name, "--timeout", "60s"];
        self.shop.cluster.run(&delete, "");
        let topics = kafka.topics();
        let kept = topics.lines().any(|topic| topic == "shipping-changelog");
        assert!(kept, "the changelog is gone; there are:\n{topics}");
    }

    #[track_caller]
    fn helm(&self, arguments: &[&str]) {
        command::run("helm", &[arguments, &["-n", &self.system.name]].concat(), &[]);
    }
}
