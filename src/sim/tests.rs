//! The schedules that every test run plays, and checks that they are worth playing.

use std::time::Duration;

use super::*;

/// Schedules that every test run plays; `make simulate` plays as many as you like.
const SEEDS: u64 = 1_000;

#[test]
fn a_thousand_schedules_of_crashes_lose_nothing_and_send_nothing_twice() {
    let tally = campaign(0..=SEEDS - 1, 1, Duration::from_secs(1), |_| ());
    if let Some(&seed) = tally.failed.first() {
        let failure = run(seed, Tracing::On).expect_err("a seed that fails fails again");
        panic!("{}{failure}", failure.trace);
    }
    assert_eq!(tally.schedules, SEEDS);
    assert!(tally.transactions > 10 * SEEDS, "the schedules do hardly anything: {tally:?}");
    for (name, count) in tally.seen.iter() {
        assert!(count >= 10, "hardly any schedule shows what happens when it is {name:?}: {count}");
    }
}

#[test]
fn a_seed_plays_the_same_schedule_again() {
    for seed in [1, 2, 3] {
        let play = || run(seed, Tracing::On).expect("the schedule is right");
        assert_eq!(play(), play());
    }
    let trace = |seed| run(seed, Tracing::On).expect("the schedule is right").1;
    assert_ne!(trace(1), trace(2));
}

struct Broken;

impl Wiring for Broken {
    type Producer = producer::Producer;
    type Broker = Client;

    fn producer(&self, client: Client, lane: usize) -> producer::Producer {
        producer::Producer::new(client, lane)
    }

    fn broker(&self, _client: Client) -> Client {
        panic!("a bug of ours")
    }
}

#[test]
fn a_process_that_panics_fails_its_schedule() {
    let failure = schedule::run_with(&Broken, 1, Tracing::Off).expect_err("it panics");
    assert!(failure.what.ends_with("panicked: a bug of ours"), "{}", failure.what);
}

#[test]
fn a_failure_says_how_to_replay_it() {
    let failure = Failure { seed: 7, what: "two completions".to_owned(), trace: String::new() };
    assert_eq!(failure.to_string(), "seed 7: two completions\nreplay: make simulate SEED=7");
}
