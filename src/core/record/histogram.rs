//! Counts by upper bound, owned by a single thread: no atomics, no allocation.

/// How many values were at most each bound, in whole units of the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    bounds: &'static [u64; N],
    /// One for each bound; values above all of them are only in `count`.
    counts: [u64; N],
    count: u64,
    sum: u64,
}

impl<const N: usize> Histogram<N> {
    /// Returns an empty histogram. `bounds` must ascend and are inclusive.
    pub const fn new(bounds: &'static [u64; N]) -> Self {
        Self { bounds, counts: [0; N], count: 0, sum: 0 }
    }

    /// Counts one value.
    pub fn observe(&mut self, value: u64) {
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        // Most values are small and there are few bounds: a linear search is faster than a binary
        // one.
        if let Some(at) = self.bounds.iter().position(|bound| value <= *bound) {
            self.counts[at] += 1;
        }
    }

    /// Returns the sum of both.
    pub fn plus(mut self, other: &Self) -> Self {
        self.counts.iter_mut().zip(other.counts).for_each(|(to, from)| *to += from);
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Returns each bound with the number of values up to it.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut below = 0;
        self.bounds.iter().zip(self.counts).map(move |(bound, count)| {
            below += count;
            (*bound, below)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [u64; 3] = [1, 10, 100];

    fn of(values: &[u64]) -> Histogram<3> {
        let mut histogram = Histogram::new(&BOUNDS);
        values.iter().for_each(|value| histogram.observe(*value));
        histogram
    }

    #[test]
    fn a_value_counts_for_every_bound_that_it_does_not_pass() {
        let histogram = of(&[0, 1, 2, 10, 11, 1_000]);
        assert_eq!(histogram.cumulative().collect::<Vec<_>>(), [(1, 2), (10, 4), (100, 5)]);
        assert_eq!((histogram.count(), histogram.sum()), (6, 1_024));
    }

    #[test]
    fn a_sum_is_the_histogram_of_both() {
        assert_eq!(of(&[1, 5]).plus(&of(&[50, 500])), of(&[1, 5, 50, 500]));
    }
}
