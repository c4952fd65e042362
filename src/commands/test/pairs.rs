//! Finds which expected record is which record that was there, in any order.

use serde_json::Value;

use super::compare::{Difference, differences};

/// Whether a list is all that may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Whole,
    Contains,
}

/// How a list of records differs from what was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The two are about the same key, and differ.
    Differs { expected: Value, differences: Vec<Difference> },
    /// It was expected and is not there.
    Missing(Value),
    /// It is there and was not expected.
    Surplus(Value),
}

/// Returns how a list differs from what was there.
pub fn mismatches(scope: Scope, expected: &[Value], found: &[Value]) -> Vec<Mismatch> {
    let pairs = pairs(expected, found);
    let is_paired = |index: &usize| pairs.contains(&Some(*index));
    let unpaired = expected.iter().enumerate().filter(|(index, _)| !is_paired(index));
    let unpaired = unpaired.map(|(_, expected)| expected);
    let free = found.iter().zip(&pairs).filter(|(_, pair)| pair.is_none());
    let mut free: Vec<&Value> = free.map(|(found, _)| found).collect();
    let mut mismatches = Vec::new();
    for expected in unpaired {
        let expected = expected.clone();
        mismatches.push(match nearest(&expected, &free) {
            Some(index) => {
                let differences = differences(&expected, free.remove(index));
                Mismatch::Differs { expected, differences }
            }
            None => Mismatch::Missing(expected),
        });
    }
    if scope == Scope::Whole {
        mismatches.extend(free.into_iter().cloned().map(Mismatch::Surplus));
    }
    mismatches
}

/// Returns for each record that is there which expected one it is; as many as possible have one.
fn pairs(expected: &[Value], found: &[Value]) -> Vec<Option<usize>> {
    let fits: Vec<Vec<bool>> = expected
        .iter()
        .map(|expected| found.iter().map(|it| differences(expected, it).is_empty()).collect())
        .collect();
    let mut pairs = vec![None; found.len()];
    for index in 0..expected.len() {
        find(index, &fits, &mut pairs, &mut vec![false; found.len()]);
    }
    pairs
}

/// Pairs an expected record, with one that is paired already if that one's partner has another.
fn find(index: usize, fits: &[Vec<bool>], pairs: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for at in 0..pairs.len() {
        if !fits[index][at] || std::mem::replace(&mut tried[at], true) {
            continue;
        }
        if pairs[at].is_none_or(|other| find(other, fits, pairs, tried)) {
            pairs[at] = Some(index);
            return true;
        }
    }
    false
}

/// Returns the most similar of the records that are about the same topic and key, if any.
fn nearest(expected: &Value, free: &[&Value]) -> Option<usize> {
    let same = |name: &str, found: &Value| {
        expected.get(name).is_none_or(|named| found.get(name) == Some(named))
    };
    let likely = (0..free.len()).filter(|at| same("topic", free[*at]) && same("key", free[*at]));
    likely.min_by_key(|at| differences(expected, free[*at]).len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_paired_in_any_order_and_the_less_precise_ones_give_way() {
        let found = [json!({"key": "a", "n": 1}), json!({"key": "a", "n": 2})];
        let expected = [json!({"key": "a"}), json!({"key": "a", "n": 1})];
        assert_eq!(mismatches(Scope::Whole, &expected, &found), []);
        let reversed = [json!({"n": 2}), json!({"n": 1})];
        assert_eq!(mismatches(Scope::Whole, &reversed, &found), []);
    }

    #[test]
    fn what_differs_is_missing_or_is_surplus_is_told() {
        let found = [json!({"key": "a", "n": 1, "m": 1}), json!({"key": "b"})];
        let expected = [json!({"key": "c"}), json!({"key": "a", "n": 2, "m": 1})];
        let mismatches = mismatches(Scope::Whole, &expected, &found);
        let [Mismatch::Missing(c), Mismatch::Differs { differences, .. }, Mismatch::Surplus(b)] =
            &mismatches[..]
        else {
            panic!("{mismatches:?}")
        };
        assert_eq!((c, b), (&expected[0], &found[1]));
        let paths: Vec<&str> = differences.iter().map(|at| at.path.as_str()).collect();
        assert_eq!(paths, ["n"]);
    }

    #[test]
    fn a_list_that_only_has_to_be_contained_allows_more() {
        let found = [json!({"key": "a"}), json!({"key": "b"})];
        assert_eq!(mismatches(Scope::Contains, &[json!({"key": "b"})], &found), []);
        assert_eq!(mismatches(Scope::Contains, &[], &found), []);
        let twice = [json!({"key": "b"}), json!({"key": "b"})];
        let missing = [Mismatch::Missing(json!({"key": "b"}))];
        assert_eq!(mismatches(Scope::Contains, &twice, &found), missing);
    }
}
