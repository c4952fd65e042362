//! The threads that write committed rows to the stores while lanes keep processing.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use super::{command::Command, committer::Part, spawn, supervisor::Event, view::View};
use rollcall_core::{
    owner::Stay,
    record::Offset,
    shard::{Committed, Error, Result, Running},
};
use rollcall_store::RocksStore;

/// Work that blocks on the disk.
pub enum Job {
    /// Apply the spill of a part that was committed.
    Land(Box<Landing>),
    /// Spill a shard that was given up or dropped, which makes it cheap to open it again, and close
    /// its store.
    Close(Box<Running<RocksStore>>, Stay),
}

/// A spill on its way to the store, and back to its lane.
pub struct Landing {
    pub part: Part,
    /// Where the part's changes end in the changelog.
    pub end: Option<Offset>,
    pub store: Arc<RocksStore>,
    /// How long the transaction took.
    pub took: Duration,
    pub result: Result<Committed>,
    pub lane: Sender<Command>,
}

impl Landing {
    pub fn new(
        part: Part,
        end: Option<Offset>,
        store: Arc<RocksStore>,
        took: Duration,
        lane: Sender<Command>,
    ) -> Self {
        let result = Err(Error::Interrupted("not yet written".to_owned()));
        Self { part, end, store, took, result, lane }
    }
}

/// Starts `threads` spillers. They finish their work and end when the sender and all its clones
/// are dropped.
///
/// # Errors
/// When the system refuses a thread.
pub fn start(
    threads: usize,
    view: &Arc<View>,
    events: &Sender<Event>,
) -> Result<(Sender<Job>, Vec<thread::JoinHandle<()>>)> {
    let (sender, receiver) = channel();
    let mut handles = Vec::with_capacity(threads);
    let receiver = Arc::new(Mutex::new(receiver));
    for index in 0..threads {
        let name = format!("spill-{index}");
        let (receiver, view, events) = (Arc::clone(&receiver), Arc::clone(view), events.clone());
        let thread = name.clone();
        handles.push(spawn(&thread, move || run(&receiver, &view, &events, &name))?);
    }
    Ok((sender, handles))
}

fn run(jobs: &Mutex<Receiver<Job>>, view: &View, events: &Sender<Event>, name: &str) {
    loop {
        view.watchdog.end(name);
        let next = jobs.lock().expect("nothing panics under this lock").recv();
        view.watchdog.begin(name);
        match next {
            Ok(Job::Land(mut landing)) => {
                landing.result = landing.part.commit.land(&*landing.store, landing.end);
                let lane = landing.lane.clone();
                // A lane that has ended does not need the answer.
                let _ = lane.send(Command::Landed(landing));
            }
            Ok(Job::Close(shard, stay)) => {
                let id = shard.id();
                if let Err(error) = shard.close() {
                    tracing::warn!(shard = id.0, %error, "the store was left behind the changelog");
                }
                let _ = events.send(Event::Closed(id, stay));
            }
            Err(_) => {
                view.watchdog.end(name);
                return;
            }
        }
    }
}
