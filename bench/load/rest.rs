//! What a system costs once its work is done: at rest, and to start again with its state.

use std::time::Duration;

use crate::Failure;
use crate::bench::{Measures, wait_until_ready};
use crate::system::{Job, System, Template};

/// Time without load before a system counts as at rest; allocators give memory back meanwhile.
const REST: Duration = Duration::from_secs(10);

/// Lets the system rest, stops it, and starts it once more as it would after an update.
pub(crate) fn run(template: &Template, job: &Job, mut system: System) -> Result<Measures, Failure> {
    std::thread::sleep(REST);
    system.check()?;
    let usage = system.usage();
    let says_when_ready = system.says_when_ready();
    let mut measures = vec![("rest_mib", usage.now_mib), ("rest_threads", usage.threads)];
    measures.extend(system.ready_s().map(|seconds| ("ready_s", seconds)));
    measures.push(("stop_s", system.stop()?));
    if !says_when_ready {
        return Ok(measures);
    }
    let mut again = System::start(template, job, "a")?;
    wait_until_ready(&mut again)?;
    measures.extend(again.ready_s().map(|seconds| ("ready_with_state_s", seconds)));
    again.stop()?;
    Ok(measures)
}
