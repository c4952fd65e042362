//! Single values: their notation and their bounds.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::bounds::Bounds;
use crate::problem::Problems;
use crate::{bytes, duration, instant, suggest};

pub(super) fn duration(
    path: &str,
    text: &str,
    bounds: Bounds<Duration>,
    problems: &mut Problems,
) -> Option<Duration> {
    let Some(value) = duration::parse(text) else {
        problems.add(path, format!("\"{text}\" is not a duration"), suggest::duration(text));
        return None;
    };
    within(path, text, value, bounds, duration::format, problems)
}

/// Returns milliseconds since the epoch.
pub(super) fn instant(
    path: &str,
    text: &str,
    bounds: Bounds<i64>,
    problems: &mut Problems,
) -> Option<i64> {
    let Some(value) = instant::parse(text) else {
        problems.add(path, format!("\"{text}\" is not an instant"), suggest::instant(text));
        return None;
    };
    within(path, text, value, bounds, instant::format, problems)
}

pub(super) fn bytes(
    path: &str,
    quantity: &Quantity,
    bounds: Bounds<u64>,
    problems: &mut Problems,
) -> Option<u64> {
    let text = &quantity.0;
    let Some(value) = bytes::parse(text) else {
        problems.add(path, format!("\"{text}\" is not an amount of bytes"), suggest::bytes(text));
        return None;
    };
    within(path, text, value, bounds, bytes::format, problems)
}

/// Returns the value even when it is out of bounds.
pub(super) fn count(path: &str, value: i32, bounds: Bounds<i32>, problems: &mut Problems) -> i32 {
    within(path, &value.to_string(), value, bounds, |bound| bound.to_string(), problems);
    value
}

fn within<T: PartialOrd + Copy>(
    path: &str,
    text: &str,
    value: T,
    bounds: Bounds<T>,
    format: impl Fn(T) -> String,
    problems: &mut Problems,
) -> Option<T> {
    let (problem, remedy) = if value < bounds.min {
        ("too small", format!("write {} or more", format(bounds.min)))
    } else if value > bounds.max {
        ("too large", format!("write {} or less", format(bounds.max)))
    } else {
        return Some(value);
    };
    problems.add(path, format!("{text} is {problem}"), remedy);
    None
}
