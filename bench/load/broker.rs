//! The broker beside the load, as `scripts/kafka` runs it: what it uses, and its restart.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Failure;
use crate::machine::{self, Usage};

/// A broker of `scripts/kafka`. With neither option given, it is somewhere else.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Broker {
    /// File with the broker's process id, to distinguish its work from noise.
    #[arg(long = "broker-pid-file")]
    pid_file: Option<PathBuf>,
    /// `scripts/kafka`, to restart the broker with; its environment says which one.
    #[arg(long = "kafka")]
    program: Option<PathBuf>,
}

impl Broker {
    /// Returns what its process used since its start, or zeros if it is not known.
    pub(crate) fn usage(&self) -> Usage {
        // Each restart has another id.
        let text = self.pid_file.as_ref().and_then(|file| fs::read_to_string(file).ok());
        let pid = text.and_then(|text| text.trim().parse().ok());
        pid.map(machine::usage).unwrap_or_default()
    }

    /// Stops it gracefully and starts it again; returns once it answers.
    pub(crate) fn restart(&self) -> Result<(), Failure> {
        let program = self.program.as_ref().ok_or("a cold broker needs --kafka")?;
        for word in ["stop", "start"] {
            // The broker would keep a pipe open, so the output goes where this program's goes.
            let status = Command::new(program).arg(word).stdin(Stdio::null()).status();
            let status = status.map_err(|error| format!("{}: {error}", program.display()))?;
            if !status.success() {
                return Err(format!("{} {word}: {status}", program.display()).into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_somewhere_else_used_nothing_and_cannot_be_restarted() {
        let broker = Broker::default();
        assert_eq!(broker.usage().cpu_seconds, 0.0);
        assert!(broker.restart().is_err_and(|error| error.to_string().contains("--kafka")));
    }

    #[test]
    fn the_process_id_is_read_from_its_file_each_time() {
        let file = std::env::temp_dir().join(format!("load-broker-{}", std::process::id()));
        let broker = Broker { pid_file: Some(file.clone()), program: None };
        fs::write(&file, format!("{}\n", std::process::id())).expect("a writable directory");
        assert!(broker.usage().threads >= 1.0);
        fs::remove_file(&file).expect("it is there");
        assert_eq!(broker.usage().threads, 0.0);
    }
}
