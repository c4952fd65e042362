//! Checks that topics match each other and have the cleanup policy that their records need.

use std::collections::BTreeMap;

use super::topic_problem::TopicProblem;

/// A topic's settings, as far as we may read them.
pub(super) type Config = BTreeMap<String, String>;

/// Checks that the inputs have the same number of partitions; missing ones are skipped.
///
/// # Errors
/// The first input that differs from the first one.
pub(super) fn check_co_partitioned(
    inputs: &[String],
    counts: &BTreeMap<String, i32>,
) -> Result<(), TopicProblem> {
    let mut there = inputs.iter().filter_map(|input| Some((input, *counts.get(input)?)));
    let Some((first, count)) = there.next() else { return Ok(()) };
    match there.find(|(_, other_count)| *other_count != count) {
        None => Ok(()),
        Some((other, other_count)) => Err(TopicProblem::NotCoPartitioned {
            first: first.clone(),
            count,
            other: other.clone(),
            other_count,
        }),
    }
}

/// Checks that the changelog has as many partitions as the inputs.
///
/// # Errors
/// When the numbers differ.
pub(super) fn check_sharding(
    changelog: &str,
    count: i32,
    partitions: i32,
) -> Result<(), TopicProblem> {
    if count == partitions {
        return Ok(());
    }
    Err(TopicProblem::Repartitioned { changelog: changelog.to_owned(), count, partitions })
}

/// Checks that the changelog keeps the last row of each key and nothing deletes it by age.
///
/// # Errors
/// When its cleanup policy is a different one.
pub(super) fn check_changelog(changelog: &str, config: &Config) -> Result<(), TopicProblem> {
    match policy(config) {
        Some("compact") | None => Ok(()),
        Some(policy) => {
            let policy = policy.to_owned();
            Err(TopicProblem::ChangelogNotCompacted { changelog: changelog.to_owned(), policy })
        }
    }
}

/// Checks that records without a key can become dead letters; otherwise their shard could never get
/// past them.
///
/// # Errors
/// When the topic is compacted.
pub(super) fn check_dead_letters(topic: &str, config: &Config) -> Result<(), TopicProblem> {
    compacted(config).map_or(Ok(()), |policy| {
        Err(TopicProblem::DeadLettersCompacted { topic: topic.to_owned(), policy })
    })
}

/// Checks that each observation is kept.
///
/// # Errors
/// When the topic is compacted.
pub(super) fn check_observations(topic: &str, config: &Config) -> Result<(), TopicProblem> {
    compacted(config).map_or(Ok(()), |policy| {
        Err(TopicProblem::ObservationsCompacted { topic: topic.to_owned(), policy })
    })
}

/// Checks that the topic can be written to while all its replicas are in sync.
///
/// # Errors
/// When it requires more in-sync replicas than it has.
pub(super) fn check_replicas(
    topic: &str,
    replication: usize,
    config: &Config,
) -> Result<(), TopicProblem> {
    let needed = config.get("min.insync.replicas").and_then(|text| text.parse().ok());
    match needed {
        Some(needed) if needed > replication => {
            Err(TopicProblem::TooFewReplicas { topic: topic.to_owned(), replication, needed })
        }
        _ => Ok(()),
    }
}

/// Returns the topic's cleanup policy, if we may read it.
pub(super) fn policy(config: &Config) -> Option<&str> {
    config.get("cleanup.policy").map(String::as_str)
}

fn compacted(config: &Config) -> Option<String> {
    let policy = policy(config)?;
    policy.split(',').any(|part| part.trim() == "compact").then(|| policy.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Config {
        Config::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn inputs_with_one_number_of_partitions_fit_together() {
        let inputs = ["orders", "made", "packed"].map(str::to_owned);
        let counts = |counts: &[(&str, i32)]| {
            counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        assert_eq!(check_co_partitioned(&inputs, &counts(&[("orders", 3), ("packed", 3)])), Ok(()));
        assert_eq!(check_co_partitioned(&inputs, &counts(&[])), Ok(()));
        let found = check_co_partitioned(&inputs, &counts(&[("orders", 3), ("packed", 6)]));
        let told = found.expect_err("3 and 6 differ").to_string();
        for part in ["orders has 3", "packed has 6", "with 6 partitions"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn every_topic_is_cleaned_up_as_its_records_need_it() {
        let compact = with("cleanup.policy", "compact");
        let delete = with("cleanup.policy", "delete");
        let both = with("cleanup.policy", "compact,delete");
        assert_eq!(check_changelog("c", &compact), Ok(()));
        assert!(check_changelog("c", &delete).is_err() && check_changelog("c", &both).is_err());
        for check in [check_dead_letters, check_observations] {
            assert_eq!(check("t", &delete), Ok(()));
            assert!(check("t", &compact).is_err() && check("t", &both).is_err());
        }
        for check in [check_changelog, check_dead_letters, check_observations] {
            assert_eq!(check("t", &Config::new()), Ok(()), "settings that may not be read");
        }
    }

    #[test]
    fn a_topic_that_needs_more_copies_than_it_has_cannot_be_written_to() {
        let needed = with("min.insync.replicas", "2");
        assert_eq!(check_replicas("t", 2, &needed), Ok(()));
        assert!(check_replicas("t", 1, &needed).is_err());
        assert_eq!(check_replicas("t", 1, &Config::new()), Ok(()));
    }
}
