//! A worker's name in its group, and how to distinguish it from another process of the same name.
//!
//! Static membership gives a killed process its shards back by its name alone. So a second process
//! under the same name takes the shards away from the first, and the group cannot distinguish the
//! two. Here we can: the client id of a member ends in the mark of its host and state directory,
//! and two processes never share both.

use std::{
    path::{Path, absolute},
    time::{Duration, Instant},
};

use openssl::sha::Sha256;

use super::{
    OnMisfit,
    stop::Stop,
    troubles::{Concern, Severity, Troubles},
};
use rollcall_core::shard::{Error, Result};
use rollcall_kafka::{Connection, INSTANCE_ID_TAKEN, KafkaBroker, Member, Protocol};

const ASK_TIMEOUT: Duration = Duration::from_secs(5);
const ASK_PAUSE: Duration = Duration::from_millis(500);
/// A coordinator may notice the end of a session slightly late.
const MARGIN: Duration = Duration::from_secs(3);

/// Returns the mark of a process on `host` with this state directory, eight characters long.
///
/// In Kubernetes both depend on the pod's name, so a pod that comes back on another node has the
/// same mark as before.
pub fn mark(host: &str, state_dir: &Path) -> String {
    let mut hash = Sha256::new();
    hash.update(host.as_bytes());
    hash.update(&[0]);
    let dir = absolute(state_dir).unwrap_or_else(|_| state_dir.to_owned());
    hash.update(dir.as_os_str().as_encoded_bytes());
    hash.finish()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the name of a worker that was given none: several on one host have different names,
/// since each has a separate state directory.
pub fn default_instance_id(host: &str, state_dir: &Path) -> String {
    format!("{host}-{}", mark(host, state_dir))
}

/// Waits until no other process is in the group under this worker's name. A killed process stays a
/// member until its session ends; one that is still there after that is alive.
///
/// # Errors
/// When another live process has this name, unless that is to be waited for.
pub fn await_free(
    broker: &KafkaBroker,
    connection: &Connection,
    troubles: &Troubles,
    stop: &Stop,
    on_misfit: OnMisfit,
) -> Result<()> {
    if connection.protocol == Protocol::Consumer {
        // Members are dynamic there: names cannot clash.
        return Ok(());
    }
    let until = Instant::now() + connection.session() + MARGIN;
    let mut told = false;
    loop {
        let twin = match broker.members(ASK_TIMEOUT) {
            Ok(members) => members.into_iter().find(|member| is_twin(member, connection)),
            Err(error) => {
                // The group decides: see `member::Refusals`.
                tracing::debug!(%error, "who is in the group is not known");
                None
            }
        };
        let Some(twin) = twin else { break };
        let message = format!(
            "{twin} is in group {}: {}: {}",
            connection.group, INSTANCE_ID_TAKEN.means, INSTANCE_ID_TAKEN.remedy
        );
        troubles.report(Concern::Membership, Severity::Unready, INSTANCE_ID_TAKEN.reason, &message);
        if Instant::now() >= until && on_misfit == OnMisfit::Exit {
            return Err(Error::Misconfigured(message));
        }
        if !told {
            told = true;
            tracing::warn!("waiting until its session ends, if it was killed: {message}");
        }
        if stop.wait(ASK_PAUSE).is_some() {
            break;
        }
    }
    troubles.resolve(Concern::Membership);
    Ok(())
}

/// Returns whether a member has our name but is not a previous run of this worker.
fn is_twin(member: &Member, connection: &Connection) -> bool {
    let mark = connection.mark_of(&member.client_id);
    member.name == connection.instance_id && mark.is_some_and(|mark| mark != connection.mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_that_of_host_and_state_directory() {
        let mine = mark("h", Path::new("/var/state"));
        assert_eq!(mine.len(), 8);
        assert_eq!(mine, mark("h", Path::new("/var/./state")));
        assert_ne!(mine, mark("h", Path::new("/var/state2")));
        assert_ne!(mine, mark("i", Path::new("/var/state")));
        assert_ne!(mine, mark("h", Path::new("state")), "it is another one in another place");
        assert_eq!(default_instance_id("h", Path::new("/var/state")), format!("h-{mine}"));
    }
}
