//! Opens the shards of a process.

use std::sync::Arc;

use crate::{Client, Situation, Wiring, disk::Disk};
use rollcall_core::{
    owner::{Next, Trust},
    shard::{Opening, Progress, Result, Running, Store},
};

/// Opens a shard, which takes many turns.
pub fn open<W: Wiring>(
    wiring: &W,
    client: &Client,
    next: Next,
    owner: &str,
) -> Result<Running<Disk>> {
    let shard = next.shard;
    if next.store == Trust::Lost {
        let mut disk = Disk::new(Arc::clone(&client.stage), client.process, shard);
        // A store that cannot be wiped will be found corrupt again.
        let _wiped = disk.wipe();
    }
    let disk = Disk::new(Arc::clone(&client.stage), client.process, shard);
    let (plan, limits) = (wiring.plan(client), wiring.limits(client));
    let wall_ms = || client.stage.world().wall_ms(client.process);
    let progress = Progress::default();
    let opening = Opening {
        plan: &plan,
        shard,
        tenure: next.tenure,
        owner: owner.into(),
        limits,
        wall_ms: &wall_ms,
        progress: &progress,
    };
    let running = opening.open(&wiring.broker(client.clone()), disk)?;
    let cursor = running.next_offsets().to_vec();
    let mut world = client.stage.world();
    if progress.restored() > 0 {
        world.seen.count(Situation::Restored);
    }
    world.tell(|| {
        format!(
            "p{} runs {shard} from {cursor:?}, {} changes restored",
            client.process,
            progress.restored()
        )
    });
    drop(world);
    Ok(running)
}
