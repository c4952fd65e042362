//! What many stores cost in one process: time, memory, descriptors and threads.
//!
//! ```text
//! cargo run --release -p rollcall-store --example stores -- DIR [SHARDS [ROWS [SPILLS [OPENERS]]]]
//! ```
//!
//! Run it twice with the same directory: the first run begins with new stores, and each run gives
//! every store `SPILLS` spills of `ROWS` rows, which the next one finds.

use std::{
    error::Error,
    fs,
    io::Write,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicI32, Ordering},
    thread,
    time::{Duration, Instant},
};

use rollcall_core::{
    record::ShardId,
    shard::{Batch, Checkpoint, Spill, Store},
};
use rollcall_store::{Budget, Identity, RocksStore, Stores};

/// As in the program; see docs/adr/0006-jemalloc.md.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Longer than the allocator keeps free memory.
const SETTLE: Duration = Duration::from_millis(2_500);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let number = |n: usize, default| args.get(n).map_or(Ok(default), |text| text.parse::<i32>());
    let numbers = (number(1, 64), number(2, 1_000), number(3, 1), number(4, 4));
    let measured = match (args.first(), numbers) {
        (Some(dir), (Ok(shards), Ok(rows), Ok(spills), Ok(openers))) => {
            measure(Path::new(dir), shards, rows, spills, openers)
        }
        _ => Err("usage: stores DIR [SHARDS [ROWS [SPILLS [OPENERS]]]]".into()),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(dir: &Path, shards: i32, rows: i32, spills: i32, openers: i32) -> Result<()> {
    let owner = Identity {
        cluster_id: "none".to_owned(),
        group: "shards".to_owned(),
        changelog: "shards-changelog".to_owned(),
    };
    let stores = Stores::open(dir, &owner, &Budget::new(None, None))?;
    let before = Used::now()?;
    writeln!(
        std::io::stdout(),
        "{shards} stores, {openers} openers, {rows} rows; before: {before}"
    )?;

    let began = Instant::now();
    let open = open_all(&stores, shards, openers)?;
    told("opened", began, before, shards)?;

    let began = Instant::now();
    let keys: Vec<_> = (0..256).map(key).collect();
    let keys: Vec<_> = keys.iter().map(String::as_bytes).collect();
    let mut found = 0;
    for store in &open {
        found += store.get_many(&keys)?.into_iter().flatten().count();
    }
    told(&format!("looked up, {found} found"), began, before, shards)?;

    let began = Instant::now();
    let mut files_max = 0;
    for _ in 0..spills {
        for store in &open {
            let next = store.checkpoint()?.map_or(0, |checkpoint| checkpoint.changelog_next);
            store.apply(&spill(next, rows))?;
        }
        files_max = files_max.max(Used::now()?.files);
    }
    told(&format!("spilled, up to {files_max} files"), began, before, shards)?;

    let began = Instant::now();
    let bytes = open.iter().map(|store| store.figures().bytes).sum::<u64>();
    told(&format!("asked for figures, {bytes} bytes on disk"), began, before, shards)?;

    let began = Instant::now();
    drop(open);
    told("closed", began, before, shards)
}

fn open_all(stores: &Stores, shards: i32, openers: i32) -> Result<Vec<RocksStore>> {
    let next = AtomicI32::new(0);
    let opener = || {
        let taken = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&n| n < shards);
        std::iter::from_fn(taken)
            .map(|n| {
                let store = stores.shard(ShardId(n))?;
                store.checkpoint()?;
                Ok(store)
            })
            .collect::<Result<Vec<_>>>()
    };
    let opened: Result<Vec<_>> = thread::scope(|scope| {
        let openers: Vec<_> = (0..openers).map(|_| scope.spawn(opener)).collect();
        openers.into_iter().map(|opener| opener.join().expect("no panic")).collect()
    });
    Ok(opened?.into_iter().flatten().collect())
}

fn key(n: i32) -> String {
    format!("order-{n:08}")
}

/// A spill of rows that the one before had, too, with a row and a deadline for each key.
fn spill(changelog_next: i64, rows: i32) -> Spill {
    let mut batch = Batch::default();
    for n in 0..rows {
        batch.push(key(n).as_bytes(), &[7; 100]);
    }
    let checkpoint = Checkpoint {
        changelog_next: changelog_next + i64::from(rows),
        topic_id: "none".to_owned(),
        spilled_at_ms: 0,
        deadlines: String::new(),
    };
    let mut spill = Spill::new(Some(checkpoint), batch);
    for n in 0..rows {
        let due = rollcall_core::shard::Due { at_ms: i64::from(n), key: key(n).into() };
        spill.add_due(&due);
    }
    spill
}

/// Prints how long a step took, and what the process uses afterwards.
fn told(step: &str, began: Instant, before: Used, shards: i32) -> Result<()> {
    let took = began.elapsed();
    thread::sleep(SETTLE);
    let now = Used::now()?;
    let each = (now.resident_kib - before.resident_kib) / i64::from(shards);
    writeln!(std::io::stdout(), "{step}: {took:.2?}; {now}; {each} KiB a store")?;
    Ok(())
}

/// What this process uses.
#[derive(Clone, Copy)]
struct Used {
    resident_kib: i64,
    files: usize,
    threads: usize,
}

impl Used {
    fn now() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = line.and_then(|line| line.trim().strip_suffix("kB")).unwrap_or_default();
        Ok(Self {
            resident_kib: resident.trim().parse()?,
            files: fs::read_dir("/proc/self/fd")?.count(),
            threads: fs::read_dir("/proc/self/task")?.count(),
        })
    }
}

impl std::fmt::Display for Used {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { resident_kib, files, threads } = self;
        write!(f, "{resident_kib} KiB, {files} files, {threads} threads")
    }
}
