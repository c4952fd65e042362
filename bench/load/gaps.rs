//! When each partition's completions came, and the longest gap between them.

use std::time::Duration;

use crate::Failure;
use crate::bench::wait_until;
use crate::feed::Flow;
use crate::judge::{Judge, Seen};
use crate::machine::Micros;
use crate::system::System;

/// Waits until every partition has completed an order whose last record came after `since`, and
/// returns when the last partition did.
pub(crate) fn wait_until_all_flow(
    judge: &Judge,
    flow: &Flow,
    system: &mut System,
    since: Micros,
    patience: Duration,
) -> Result<Micros, Failure> {
    let mut first = vec![None; judge.partitions()];
    let mut read = 0;
    wait_until("all partitions to flow", patience, || {
        system.check()?;
        judge.check()?;
        let appended = flow.arrivals().appended_ms();
        for seen in judge.seen_since(read) {
            read += 1;
            let index = seen.order.checked_sub(flow.first_order()).map(|order| order as usize);
            let appended_ms = index.and_then(|order| appended.get(order)).copied().unwrap_or(0);
            let slot = &mut first[seen.partition as usize];
            if slot.is_none() && appended_ms * 1000 >= since {
                *slot = Some(seen.at);
            }
        }
        Ok(first.iter().all(Option::is_some))
    })?;
    Ok(first.into_iter().flatten().max().unwrap_or(since))
}

/// Returns each partition's longest time without a completion between `from` and `to`, in seconds.
pub(crate) fn longest(all: &[Seen], partitions: usize, from: Micros, to: Micros) -> Vec<f64> {
    let mut last = vec![from; partitions];
    let mut longest = vec![0; partitions];
    for seen in all.iter().filter(|seen| (from..=to).contains(&seen.at)) {
        let partition = seen.partition as usize;
        longest[partition] = longest[partition].max(seen.at - last[partition]);
        last[partition] = seen.at;
    }
    longest.iter().zip(last).map(|(gap, last)| (*gap).max(to - last) as f64 / 1e6).collect()
}

/// Returns the longest time between `from` and `to` without a completion in any partition, in
/// seconds.
pub(crate) fn longest_of_all(all: &[Seen], from: Micros, to: Micros) -> f64 {
    let together: Vec<Seen> = all.iter().map(|seen| Seen { partition: 0, ..*seen }).collect();
    longest(&together, 1, from, to)[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_counts_the_time_before_the_first_and_after_the_last_completion() {
        let at = |partition, seconds: i64| Seen { order: 0, partition, at: seconds * 1_000_000 };
        let seen = [at(0, 1), at(0, 10), at(0, 13), at(1, 14), at(0, 19), at(0, 30)];
        assert_eq!(longest(&seen, 4, 10_000_000, 20_000_000), [6.0, 6.0, 10.0, 10.0]);
        assert_eq!(longest_of_all(&seen, 10_000_000, 20_000_000), 5.0);
    }
}
