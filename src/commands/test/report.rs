//! What a person sees of a run.

use std::time::Duration;

use super::{
    case::Case,
    trial::{Failure, Verdict},
};
use rollcall_core::text::escape::printable;

/// Returns the lines about a case.
pub fn of_case(case: &Case, verdict: &Verdict) -> String {
    let name = printable(&case.name);
    match &verdict.failure {
        None => format!("  ok    {name} ({})", ways(verdict)),
        Some(failure) => format!("  FAIL  {name}\n{}", indented(&of_failure(failure), 8)),
    }
}

/// Returns how a case was run, such as `20 of 20 orders, 300 of 512 crashes`.
fn ways(verdict: &Verdict) -> String {
    let orders = match verdict.orders {
        None => "only the order as written".to_owned(),
        Some((tried, Some(total))) => {
            let noun = if total == 1 { "order" } else { "orders" };
            format!("{tried} of {} {noun}", grouped(&total.to_string()))
        }
        Some((tried, None)) => format!("{tried} of countless orders"),
    };
    let (tried, total) = verdict.crashes;
    format!("{orders}, {tried} of {total} crashes")
}

/// Returns how a case has failed, in lines.
pub fn of_failure(failure: &Failure) -> String {
    let Failure { way, notes, lines } = failure;
    let legend = "- expected, + found:".to_owned();
    let all = [way].into_iter().chain(notes).chain([&legend]).chain(lines);
    all.map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// Returns the last line.
pub fn summary(passed: usize, failed: usize, took: Duration) -> String {
    let total = passed + failed;
    let noun = if total == 1 { "case" } else { "cases" };
    format!("{total} {noun}: {passed} passed, {failed} failed, in {:.1} s", took.as_secs_f64())
}

fn indented(text: &str, by: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{:by$}{line}", "")).collect();
    lines.join("\n")
}

/// Returns digits in groups of three.
fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(orders: Option<(usize, Option<u128>)>) -> Verdict {
        Verdict { orders, crashes: (500, 1_234), failure: None, took: Duration::ZERO }
    }

    #[test]
    fn it_says_how_much_of_how_much_was_tried() {
        for (orders, text) in [
            (Some((1, Some(1))), "1 of 1 order, 500 of 1234 crashes"),
            (Some((20, Some(20))), "20 of 20 orders, 500 of 1234 crashes"),
            (Some((200, Some(1_234_567))), "200 of 1,234,567 orders, 500 of 1234 crashes"),
            (Some((200, None)), "200 of countless orders, 500 of 1234 crashes"),
            (None, "only the order as written, 500 of 1234 crashes"),
        ] {
            assert_eq!(ways(&verdict(orders)), text);
        }
    }
}
