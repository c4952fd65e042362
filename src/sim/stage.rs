//! Decides whose turn it is: simulated processes are threads of which exactly one runs at a time.
//!
//! Promise: the order of turns depends on the seed alone, so a schedule is reproducible. Every call
//! on a port takes a turn first; at that point a process may be paused, overtaken, killed or
//! stopped.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{World, environment};

/// A process is killed where it stands: its memory is lost.
pub struct Killed;

/// The schedule is over.
struct Stopped;

/// How far the director lets the processes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    Step(u64),
    /// Until nothing is left to do. Reaching `limit` first is a failure.
    Quiet {
        limit: u64,
    },
    /// Until a shard has refused to run. Reaching `limit` first is a failure.
    Refused {
        limit: u64,
    },
}

/// The world, and who may use it.
pub struct Stage {
    world: Mutex<World>,
    /// One for each process, and the director's.
    wakes: Vec<Condvar>,
}

impl Stage {
    pub fn new(world: World) -> Self {
        let wakes = (0..=world.processes.len()).map(|_| Condvar::new()).collect();
        Self { world: Mutex::new(world), wakes }
    }

    fn director(&self) -> usize {
        self.wakes.len() - 1
    }

    /// Returns the world to the process that has the turn anyway.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Advances the world, lets others go first, and returns when it is this process's turn.
    ///
    /// Does not return if the process is killed or the schedule is over: it unwinds then.
    pub fn turn(&self, process: usize) -> MutexGuard<'_, World> {
        let mut world = self.world();
        if world.stopping {
            self.leave(world);
        }
        environment::step(&mut world, process);
        let next = if world.goal_is_reached() { self.director() } else { world.choose(process) };
        world.running = next;
        if next != process {
            self.wakes[next].notify_one();
            world = self.wait(world, process);
        }
        if world.stopping {
            self.leave(world);
        }
        if world.strikes_down(process) {
            drop(world);
            resume_unwind(Box::new(Killed));
        }
        world
    }

    fn leave(&self, world: MutexGuard<'_, World>) -> ! {
        drop(world);
        self.wake_all();
        resume_unwind(Box::new(Stopped))
    }

    fn wake_all(&self) {
        for wake in &self.wakes {
            wake.notify_all();
        }
    }

    fn wait<'a>(&self, world: MutexGuard<'a, World>, me: usize) -> MutexGuard<'a, World> {
        self.wakes[me]
            .wait_while(world, |world| world.running != me && !world.stopping)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The director's turn: lets the processes run until `until`.
    pub fn play(&self, until: Until) -> MutexGuard<'_, World> {
        let mut world = self.world();
        if world.stopping {
            return world;
        }
        world.begin(until);
        let first = world.choose(0);
        world.running = first;
        self.wakes[first].notify_one();
        self.wait(world, self.director())
    }

    /// Ends the schedule: every process unwinds from where it is.
    pub fn stop(&self) {
        self.world().stopping = true;
        self.wake_all();
    }

    /// Runs a process again each time it is killed, until the schedule is over.
    pub fn live(&self, process: usize, run: impl Fn()) {
        drop(self.wait(self.world(), process));
        loop {
            let end = catch_unwind(AssertUnwindSafe(|| {
                drop(self.turn(process));
                run();
            }));
            match end {
                Err(payload) if payload.is::<Killed>() => {}
                Err(payload) if payload.is::<Stopped>() => return,
                Ok(()) => self.fail(process, "returned"),
                Err(payload) => {
                    let text = payload
                        .downcast_ref::<String>()
                        .map(String::as_str)
                        .or_else(|| payload.downcast_ref::<&str>().copied());
                    self.fail(process, &format!("panicked: {}", text.unwrap_or("?")));
                }
            }
        }
    }

    fn fail(&self, process: usize, what: &str) {
        self.world().fail(format!("process {process} {what}"));
        self.stop();
    }
}
