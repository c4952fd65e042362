//! "Did you mean": finds the name most similar to one that does not exist.

/// Longest name that is compared; Kafka's are shorter.
const LENGTH_MAX: usize = 249;

/// Returns the candidate that `name` was most likely meant to be, if any is similar enough.
///
/// The best match differs only in case and separators; next comes one that differs in at most a
/// third of its letters, and in at most three; then one that has `name` among the parts between its
/// separators, or is among those of `name`, if there is only one such: `shop.scans` for `scans`.
pub fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let plain = fold(name);
    let letters = plain.chars().count();
    let allowed = (letters / 3).clamp(usize::from(letters > 2), 3);
    let scored = candidates.clone().filter_map(|candidate| {
        let distance = distance(&plain, &fold(candidate), allowed)?;
        Some((distance, candidate))
    });
    // Among equally similar names, the first by name, so that the answer is always the same.
    if let Some((_, near)) = scored.min() {
        return Some(near);
    }
    let related = |candidate: &&str| is_part(&plain, candidate) || is_part(&fold(candidate), name);
    let mut within = candidates.filter(related);
    within.next().filter(|_| within.next().is_none())
}

fn fold(name: &str) -> String {
    name.chars().filter(|c| !is_separator(*c)).flat_map(char::to_lowercase).collect()
}

fn is_separator(c: char) -> bool {
    matches!(c, '.' | '-' | '_')
}

/// Returns whether some consecutive parts of `whole` equal `plain`.
fn is_part(plain: &str, whole: &str) -> bool {
    let parts: Vec<String> = whole.split(is_separator).map(fold).collect();
    let count = parts.len();
    let mut runs = (0..count).flat_map(|from| (from + 1..=count).map(move |to| (from, to)));
    runs.any(|(from, to)| parts[from..to].concat() == plain)
}

/// Returns how many letters must be inserted, deleted, changed or swapped with their neighbour to
/// turn `a` into `b`; `None` when more than `max`.
fn distance(a: &str, b: &str, max: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > max || a.len().max(b.len()) > LENGTH_MAX {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let changed = last[j] + usize::from(letter != other);
            let mut cost = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == b[j - 1] && a[i - 1] == *other {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    let cost = last[b.len()];
    (cost <= max).then_some(cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
        nearest(name, candidates.iter().copied())
    }

    #[test]
    fn a_letter_too_few_or_swapped_is_found() {
        assert_eq!(near("scan", &["orders", "scans", "cans2"]), Some("scans"));
        assert_eq!(near("odrers", &["orders", "others"]), Some("orders"));
        assert_eq!(near("manufacturd", &["manufactured", "manufacturers"]), Some("manufactured"));
    }

    #[test]
    fn case_and_separators_do_not_count() {
        assert_eq!(near("order_items", &["order-item", "Order.Items"]), Some("Order.Items"));
    }

    #[test]
    fn a_name_within_a_longer_one_is_found_if_it_is_the_only_one() {
        assert_eq!(near("scans", &["shop.scans", "shop.orders"]), Some("shop.scans"));
        assert_eq!(near("scans", &["shop.scans.eu", "shop.scans.us"]), None);
        assert_eq!(near("prod.scans", &["scans", "orders"]), Some("scans"));
    }

    #[test]
    fn what_is_something_else_is_not_meant() {
        assert_eq!(near("scans", &["orders", "shipping"]), None);
        assert_eq!(near("a", &["b", "orders"]), None);
        assert_eq!(near("scans", &[]), None);
    }
}
