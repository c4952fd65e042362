//! The part of the object that says what is sent to collectors.

use super::connection::source;
use crate::SecretField;
use crate::problem::Problems;
use crate::resource::TracingSpec;
use crate::secret::Secret;
use crate::settings::{Keys, Tracing};

const PATH: &str = "spec.tracing";

pub(super) fn tracing(spec: Option<&TracingSpec>, problems: &mut Problems) -> Tracing {
    let Some(spec) = spec else { return Tracing::default() };
    if let Some(endpoint) = &spec.endpoint
        && !is_url(endpoint)
    {
        problems.add(
            "spec.tracing.endpoint",
            format!("\"{endpoint}\" is not the URL of a collector"),
            "write such as http://otel-collector:4318",
        );
    }
    let (variable, file) = (spec.headers_env.as_ref(), spec.headers_file.as_ref());
    let elsewhere = source(PATH, "headers", variable, file, problems);
    let mounted = spec.headers_secret_ref.as_ref();
    let mounted = mounted.map(|secret| Secret::File(SecretField::TracingHeaders.file(&secret.key)));
    if mounted.is_some() && elsewhere.is_some() {
        problems.add(
            PATH,
            "names the headers twice",
            "give headersSecretRef in Kubernetes, headersEnv or headersFile elsewhere",
        );
    }
    Tracing {
        endpoint: spec.endpoint.clone(),
        headers: mounted.or(elsewhere),
        keys: if spec.include_keys { Keys::Told } else { Keys::Withheld },
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    host.is_some_and(|host| !host.is_empty()) && !text.contains(char::is_whitespace)
}
