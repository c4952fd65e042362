//! Runs `Reconciliation` objects in Kubernetes.
//!
//! ```text
//!  watch ─► queue ─► look at one object:
//!    dereference (I/O) ─► validate (pure) ─► build (pure) ─► apply (I/O) ─► observe (I/O)
//!      ─► status (pure)
//! ```
//!
//! Promise: children follow the object, a broken object holds up no other, and only one of several
//! operators acts (`lease`). No state is kept that cannot be found out again. Ban: the operator
//! does not know what records mean; it only asks workers for their status.

#![forbid(unsafe_code)]

mod apply;
mod build;
mod cluster;
mod controller;
mod dereference;
mod error;
mod fingerprint;
mod http;
mod lease;
mod metrics;
mod names;
mod object;
mod observe;
mod queue;
mod reconcile;
mod remove;
mod status;
mod wanted;
mod watch;
mod worker_api;

use std::net::SocketAddr;
use std::sync::Arc;

use kube::runtime::events::{Recorder, Reporter};
use kube::{Client, Config};

use cluster::Cluster;
use http::Health;
use lease::Election;
use metrics::Metrics;
use reconcile::Context;

use rollcall_service::http::Hosts;

pub use build::Image;
pub use dereference::PodMonitors;
pub use error::{Error, Result};

/// Options of an operator process.
#[derive(Debug, Clone)]
pub struct Options {
    /// Namespaces to look for objects in; empty means all.
    pub namespaces: Vec<String>,
    /// The image that workers and consoles run.
    pub image: Image,
    /// Address that serves probes, metrics, and questions of workers that are being stopped.
    pub http: SocketAddr,
    /// Host names that requests may use, in addition to the usual ones.
    pub allowed_hosts: Vec<String>,
    /// Base URL at which workers reach the operator; without it they do not ask.
    pub service_url: Option<String>,
    /// Namespace of the lease; `None` for the namespace of the process.
    pub lease_namespace: Option<String>,
    pub lease_name: String,
    /// Name of this process among operators.
    pub instance_id: String,
    pub pod_monitors: PodMonitors,
}

/// Runs an operator until SIGTERM or SIGINT.
///
/// # Errors
/// Configuration errors, with the fix.
pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("operator")
        .enable_all()
        .build()
        .map_err(|error| Error::Start(error.to_string()))?;
    let result = runtime.block_on(serve(options));
    // The Kafka client may be in the middle of a deletion; the next leader finishes it.
    runtime.shutdown_background();
    result
}

async fn serve(options: &Options) -> Result<()> {
    let stop = rollcall_service::http::stop_signal()?;
    tokio::pin!(stop);
    let config = Config::infer().await.map_err(|error| {
        Error::Start(format!(
            "no Kubernetes: {error}: run in a pod with a service account, or set KUBECONFIG"
        ))
    })?;
    let namespace =
        options.lease_namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).map_err(|error| Error::Start(error.to_string()))?;
    let metrics = Metrics::new().map_err(|error| Error::Start(error.to_string()))?;
    let health = Arc::new(Health::new());
    let answers = http::router(Arc::clone(&health), &metrics).merge(wanted::routes(client.clone()));
    let hosts = Hosts::new(options.http, &options.allowed_hosts);
    let server = rollcall_service::http::serve(
        rollcall_service::http::listen(options.http).await?,
        answers,
        hosts,
    );
    let Options { instance_id, lease_name, .. } = options;
    let mut election = Election::new(client.clone(), &namespace, lease_name, instance_id);
    let reporter =
        Reporter { controller: names::MANAGER.to_owned(), instance: Some(instance_id.clone()) };
    let context = Context {
        cluster: Cluster::new(client.clone(), election.term()),
        recorder: Recorder::new(client, reporter),
        metrics: metrics.clone(),
        image: options.image.clone(),
        service_url: options.service_url.clone(),
        monitors: options.pod_monitors,
    };
    loop {
        tokio::select! {
            () = election.campaign(&health) => {}
            () = &mut stop => break,
        }
        tracing::info!(instance = instance_id, "leading");
        metrics.leader.set(1);
        let controller = controller::run(context.clone(), &options.namespaces, Arc::clone(&health));
        let lost = tokio::select! {
            () = controller => None,
            why = election.hold() => Some(why),
            () = &mut stop => None,
        };
        metrics.stand_by();
        let Some(why) = lost else { break };
        tracing::warn!("no longer leading: {why}");
    }
    tracing::info!("stopping");
    election.release().await;
    server.abort();
    Ok(())
}
