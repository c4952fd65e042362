//! Names that Kafka and Kubernetes accept.

use super::bounds::{GROUP_LENGTH_MAX, NAME_LENGTH_MAX, TOPIC_LENGTH_MAX};

/// The pattern of a topic and of a group, for the API server; [`check_topic`] accepts the same,
/// except for `.` and `..`.
pub const TOPIC_PATTERN: &str = "^[a-zA-Z0-9._-]+$";

/// Why a name is refused and what would be accepted.
pub type Refusal = (String, String);

/// Checks that Kafka accepts `name` as a topic and does not use it itself.
///
/// # Errors
/// What is wrong with the name, and the fix.
pub fn check_topic(name: &str) -> Result<(), Refusal> {
    check_legal("topic", name, TOPIC_LENGTH_MAX)?;
    if name.starts_with("__") {
        return Err((
            format!("\"{name}\" begins with __ like Kafka's internal topics"),
            "give a topic of your own".to_owned(),
        ));
    }
    Ok(())
}

/// Checks that the names of the changelog topic and the transactional ids can begin with `name`.
///
/// # Errors
/// What is wrong with the name, and the fix.
pub fn check_group(name: &str) -> Result<(), Refusal> {
    check_legal("consumer group", name, GROUP_LENGTH_MAX)
}

/// Checks that Kubernetes objects can be called `name` and that it can be part of labels.
///
/// # Errors
/// What is wrong with the name, and the fix.
pub fn check_object(name: &str) -> Result<(), Refusal> {
    if can_name_object(name) {
        return Ok(());
    }
    Err((
        format!("\"{name}\" cannot name a Reconciliation"),
        format!(
            "use at most {NAME_LENGTH_MAX} characters of a-z, 0-9 and -, beginning with a letter \
             and not ending with -{}",
            fitting(name).map(|name| format!(", such as {name}")).unwrap_or_default()
        ),
    ))
}

fn can_name_object(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= NAME_LENGTH_MAX as usize
        && name.bytes().all(legal)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
}

/// Returns the valid object name that is closest to `name`; `None` if none can be made from it.
fn fitting(name: &str) -> Option<String> {
    let letters = name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let parts: Vec<&str> = letters.split('-').filter(|part| !part.is_empty()).collect();
    let name = parts.join("-");
    can_name_object(&name).then_some(name)
}

/// Returns the form by which Kafka compares topics: it refuses two that differ only in `.` and `_`.
pub fn collision_form(topic: &str) -> String {
    topic.replace('.', "_")
}

fn check_legal(what: &str, name: &str, length_max: u32) -> Result<(), Refusal> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let ok = !name.is_empty()
        && name.len() <= length_max as usize
        && name.bytes().all(legal)
        && name != "."
        && name != "..";
    if ok {
        return Ok(());
    }
    Err((
        format!("\"{name}\" is not a valid {what} name"),
        format!("use 1 to {length_max} characters of a-z, A-Z, 0-9, ., _ and -"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_named_as_kafka_wants_it() {
        for name in ["orders", "a.b_c-D9", &"x".repeat(249)] {
            assert_eq!(check_topic(name), Ok(()), "{name}");
        }
        for name in ["", ".", "..", "a b", "ö", "a/b", "__consumer_offsets", &"x".repeat(250)] {
            assert!(check_topic(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_group_leaves_room_for_the_changelog_suffix() {
        assert_eq!(check_group(&"g".repeat(239)), Ok(()));
        assert!(check_group(&"g".repeat(240)).is_err());
        assert_eq!(check_topic(&format!("{}-changelog", "g".repeat(239))), Ok(()));
    }

    #[test]
    fn object_names_fit_into_labels_and_services() {
        assert_eq!(check_object("shipping-2"), Ok(()));
        for (name, fits) in [("My_Shipping", "my-shipping"), ("shop.orders-", "shop-orders")] {
            let (_, remedy) = check_object(name).expect_err(name);
            assert!(remedy.ends_with(&format!("such as {fits}")), "{remedy}");
        }
        for name in ["", "Shipping", "2-shipping", "shipping-", "a.b", &"x".repeat(53)] {
            assert!(check_object(name).is_err(), "{name}");
        }
    }
}
