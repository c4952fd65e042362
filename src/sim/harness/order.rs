//! The orders in which the records of a script can be read: those of one partition of a topic stay
//! in order, all others interleave.

use std::collections::BTreeSet;

use super::{Script, run::backlogs};
use crate::Random;
use rollcall_core::record::{InputIndex, ShardId};

/// Any number; the same orders are tried every time.
const SEED: u64 = 1;

/// Some of the orders in which the records of a script can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orders {
    /// Different ones, each as indices of the arrivals.
    pub tried: Vec<Vec<usize>>,
    /// How many there are; `None` if there are more than can be counted.
    pub total: Option<u128>,
}

/// A partition of a topic.
type Queue = (InputIndex, ShardId);

/// Returns at most `max` orders. Records do not move across the `deadlines`, the indices of the
/// arrivals before which deadlines fired. If there are more orders, those in which each topic is
/// read as a whole are among the ones that are returned.
pub fn orders(script: &Script, deadlines: &[usize], max: usize) -> Orders {
    let queue = |index: usize| -> Queue {
        let arrival = &script.arrivals[index];
        (arrival.input, arrival.shard)
    };
    let backlogs = backlogs(script.arrivals.len(), deadlines);
    let sorted = |backlog: std::ops::Range<usize>| {
        let mut queues: Vec<Queue> = backlog.map(queue).collect();
        queues.sort_unstable();
        queues
    };
    let first: Vec<Vec<Queue>> = backlogs.iter().cloned().map(sorted).collect();
    let total = first.iter().try_fold(1_u128, |total, queues| total.checked_mul(merges(queues)?));
    let is_small = total.is_some_and(|total| usize::try_from(total).is_ok_and(|all| all <= max));
    let chosen = if is_small { all(&first) } else { some(&first, max) };
    let arrivals = |merge: Vec<Vec<Queue>>| -> Vec<usize> {
        let of_backlog = backlogs.iter().zip(merge).flat_map(|(backlog, queues)| {
            let mut left: Vec<usize> = backlog.clone().collect();
            queues.into_iter().map(move |next| {
                let at = left.iter().position(|index| queue(*index) == next);
                left.remove(at.expect("a queue comes as often as it has records"))
            })
        });
        of_backlog.collect()
    };
    Orders { tried: chosen.into_iter().map(arrivals).collect(), total }
}

/// Returns in how many orders sorted queues can be arranged; `None` if there are too many.
fn merges(queues: &[Queue]) -> Option<u128> {
    let mut total = 1_u128;
    let mut placed = 0_u128;
    for of_queue in queues.chunk_by(|a, b| a == b) {
        for nth in 1..=of_queue.len() as u128 {
            placed += 1;
            total = total.checked_mul(placed)? / nth;
        }
    }
    Some(total)
}

/// Returns all arrangements of sorted queues.
fn all(first: &[Vec<Queue>]) -> Vec<Vec<Vec<Queue>>> {
    let mut found = vec![first.to_vec()];
    let mut last = first.to_vec();
    while let Some(at) = (0..last.len()).find(|at| has_next(&mut last[*at])) {
        last[..at].clone_from_slice(&first[..at]);
        found.push(last.clone());
    }
    found
}

/// Moves on to the next arrangement; returns whether there is one.
fn has_next(queues: &mut [Queue]) -> bool {
    let Some(at) = (1..queues.len()).rev().find(|at| queues[at - 1] < queues[*at]) else {
        return false;
    };
    let pivot = at - 1;
    let later = (at..queues.len()).rev().find(|later| queues[pivot] < queues[*later]);
    queues.swap(pivot, later.expect("the one at `at` is larger"));
    queues[at..].reverse();
    true
}

/// Returns `max` different arrangements, the extreme ones first.
fn some(first: &[Vec<Queue>], max: usize) -> Vec<Vec<Vec<Queue>>> {
    let mut random = Random::new(SEED);
    let reverse = |queues: &Vec<Queue>| queues.iter().rev().copied().collect();
    let mut found = vec![first.to_vec(), first.iter().map(reverse).collect()];
    found.truncate(max);
    let mut seen: BTreeSet<Vec<Vec<Queue>>> = found.iter().cloned().collect();
    while found.len() < max {
        let mut next = first.to_vec();
        for queues in &mut next {
            for at in (1..queues.len()).rev() {
                queues.swap(at, random.below(at + 1));
            }
        }
        if seen.insert(next.clone()) {
            found.push(next);
        }
    }
    found
}
