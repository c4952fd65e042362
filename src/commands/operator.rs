//! `rollcall operator`: runs Reconciliation objects in Kubernetes.

use std::net::SocketAddr;
use std::process::ExitCode;

use super::{failed, host_name};
use rollcall_operator::{Image, Options, PodMonitors};

/// Run the Reconciliation objects of a Kubernetes cluster
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Watch only this namespace; may be given several times [default: all namespaces]
    #[arg(
        long = "namespace",
        value_name = "NAMESPACE",
        env = "ROLLCALL_NAMESPACES",
        value_delimiter = ','
    )]
    namespaces: Vec<String>,
    /// The image of workers and consoles
    #[arg(long, env = "ROLLCALL_IMAGE")]
    image: String,
    /// When to pull the image [default: Kubernetes decides by its tag]
    #[arg(long, value_name = "POLICY", value_parser = ["Always", "IfNotPresent", "Never"])]
    image_pull_policy: Option<String>,
    /// Address to serve probes, metrics, and questions of workers that are being stopped
    #[arg(long, default_value = "[::]:8080")]
    http: SocketAddr,
    /// Another host name that requests may use, such as a proxy's; *.example.com stands for all
    /// names below it, * for any name; may be given several times [default: addresses, localhost,
    /// the host's name, names of Services]
    #[arg(
        long = "allowed-host",
        value_name = "NAME",
        env = "ROLLCALL_ALLOWED_HOSTS",
        value_delimiter = ','
    )]
    allowed_hosts: Vec<String>,
    /// URL at which workers reach that address, such as http://rollcall-operator:8080: a worker
    /// that is being stopped asks there whether it will be started again, and keeps its shards if
    /// so [default: workers do not ask, and hand their shards over]
    #[arg(long, value_name = "URL", env = "ROLLCALL_SERVICE_URL")]
    service_url: Option<String>,
    /// Namespace of the Lease by which operators elect a leader [default: that of the pod or of the
    /// kubeconfig's context]
    #[arg(long, env = "POD_NAMESPACE")]
    lease_namespace: Option<String>,
    /// Name of that Lease
    #[arg(long, default_value = "rollcall-operator")]
    lease_name: String,
    /// Name of this process among operators; must be unique [default: the host's name]
    #[arg(long, env = "POD_NAME")]
    instance_id: Option<String>,
    /// Whether to create PodMonitors for Prometheus: if the cluster has that kind, or never
    #[arg(long, value_enum, default_value_t = PodMonitors::Auto)]
    pod_monitor: PodMonitors,
}

/// Runs until SIGTERM or SIGINT.
pub fn run(args: Args) -> ExitCode {
    let options = Options {
        namespaces: args.namespaces.into_iter().filter(|name| !name.is_empty()).collect(),
        image: Image { name: args.image, pull_policy: args.image_pull_policy },
        http: args.http,
        allowed_hosts: args.allowed_hosts,
        service_url: args.service_url,
        lease_namespace: args.lease_namespace,
        lease_name: args.lease_name,
        instance_id: args.instance_id.unwrap_or_else(host_name),
        pod_monitors: args.pod_monitor,
    };
    match rollcall_operator::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}
