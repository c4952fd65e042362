//! Whom a shard belongs to, and what must not change under its rows.
//!
//! It is committed with the offsets, so that a worker with another object, or with different rules
//! than those that made the rows, is rejected before it does anything. In Kubernetes the API server
//! already rejects such a change; this protects all other cases.

use std::{fmt, num::NonZeroU32};

use crate::matching::Counting;

/// Topics that take more than this as text are identified by a hash: a broker accepts 4,096 bytes
/// of metadata with an offset, of which positions and ages need half.
const TOPICS_BYTES_MAX: usize = 1_000;

/// Whom a shard belongs to, and what must not change under its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `None` outside of Kubernetes.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
    /// The object's uid in Kubernetes. A recreated object continues with the state of the previous
    /// one, so this is for information only.
    pub uid: Option<String>,
    pub counting: Counting,
    /// The expected topic, then the observed ones by name.
    pub topics: InputTopics,
    /// The number of partitions of the inputs; `None` if an older version has committed.
    pub partitions: Option<NonZeroU32>,
}

/// Input topics, by name or, if the names are long, by a hash of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputTopics {
    Named(Vec<String>),
    Hashed(u64),
}

impl InputTopics {
    /// Returns the topics, by name if they are short enough.
    pub fn of(names: &[String]) -> Self {
        let text = names.join(",");
        if text.len() <= TOPICS_BYTES_MAX {
            Self::Named(names.to_vec())
        } else {
            Self::Hashed(fnv1a(text.as_bytes()))
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Named(names) => names.join(", "),
            Self::Hashed(hash) => format!("other topics (hash {hash:016x})"),
        }
    }
}

/// The committed identity shows that the shard is not for this object. Each field as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub field: &'static str,
    pub committed: String,
    pub ours: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, committed, ours } = self;
        match *field {
            "object" => write!(
                f,
                "the consumer group is used by the object {committed}, and this is {ours}: both \
                 would share offsets, changelog and transactions; give this one a \
                 spec.kafka.groupId of its own; if it is to take over from the other, see \"Group \
                 taken\" in docs/operations.md"
            ),
            "partitions" => write!(
                f,
                "the inputs have {ours} partitions, and had {committed} when this group committed \
                 last: keys are in other partitions than their rows since; Kafka cannot take \
                 partitions away, so begin under another spec.kafka.groupId, with inputs that were \
                 recreated and filled again; see \"Topics that change\" in docs/operations.md"
            ),
            _ => write!(
                f,
                "{field} cannot change: the rows that are there were made with {field} \
                 {committed}, this object says {ours}; put it back, or begin under another \
                 spec.kafka.groupId, or start over with `rollcall reset`; see \"Changed object\" \
                 in docs/operations.md"
            ),
        }
    }
}

impl Identity {
    /// Returns the object's namespace and name in readable form.
    pub fn object(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Returns the first field in which the committed identity differs from ours.
    ///
    /// Namespaces are compared only if both are known: an object may move from a file into a
    /// cluster. The same goes for numbers of partitions, which older versions do not commit.
    pub fn mismatch(&self, committed: &Self) -> Option<Mismatch> {
        let elsewhere = match (&self.namespace, &committed.namespace) {
            (Some(ours), Some(theirs)) => ours != theirs,
            _ => false,
        };
        let differs = |field, differs: bool, theirs: String, ours: String| {
            differs.then_some(Mismatch { field, committed: theirs, ours })
        };
        differs(
            "object",
            elsewhere || self.name != committed.name,
            committed.object(),
            self.object(),
        )
        .or_else(|| {
            differs(
                "counting",
                self.counting != committed.counting,
                counting_name(committed.counting).to_owned(),
                counting_name(self.counting).to_owned(),
            )
        })
        .or_else(|| {
            differs(
                "topics",
                self.topics != committed.topics,
                committed.topics.told(),
                self.topics.told(),
            )
        })
        .or_else(|| {
            let (ours, theirs) = (self.partitions?, committed.partitions?);
            differs("partitions", ours != theirs, theirs.to_string(), ours.to_string())
        })
    }

    /// Returns the text to write with an offset: words that contain no spaces.
    pub(in crate::shard) fn words(&self) -> impl Iterator<Item = String> {
        let namespace = self.namespace.as_deref().unwrap_or("-");
        let topics = match &self.topics {
            InputTopics::Named(names) => names.join(","),
            InputTopics::Hashed(hash) => format!("#{hash:016x}"),
        };
        [
            Some(format!("object={namespace}/{}", self.name)),
            self.uid.as_ref().map(|uid| format!("uid={uid}")),
            Some(format!("counting={}", counting_name(self.counting))),
            Some(format!("topics={topics}")),
            self.partitions.map(|partitions| format!("partitions={partitions}")),
        ]
        .into_iter()
        .flatten()
    }

    /// Parses what [`Self::words`] has written; `None` if something is missing or unknown.
    pub(in crate::shard) fn read<'a>(
        words: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Option<Self> {
        let (mut object, mut uid, mut counting, mut topics) = (None, None, None, None);
        let mut partitions = None;
        for (name, value) in words {
            match name {
                "object" => object = value.split_once('/'),
                "uid" => uid = Some(value.to_owned()),
                "counting" => counting = counting_of(value),
                "topics" => topics = topics_of(value),
                "partitions" => partitions = value.parse().ok(),
                _ => {}
            }
        }
        let (namespace, name) = object?;
        Some(Self {
            namespace: (namespace != "-").then(|| namespace.to_owned()),
            name: name.to_owned(),
            uid,
            counting: counting?,
            topics: topics?,
            partitions,
        })
    }
}

fn counting_name(counting: Counting) -> &'static str {
    match counting {
        Counting::Distinct => "distinct",
        Counting::Quantity => "quantity",
    }
}

fn counting_of(name: &str) -> Option<Counting> {
    [Counting::Distinct, Counting::Quantity]
        .into_iter()
        .find(|counting| counting_name(*counting) == name)
}

fn topics_of(text: &str) -> Option<InputTopics> {
    match text.strip_prefix('#') {
        Some(hash) => u64::from_str_radix(hash, 16).ok().map(InputTopics::Hashed),
        None => Some(InputTopics::Named(text.split(',').map(str::to_owned).collect())),
    }
}

/// FNV-1a, which is the same in every version of the program.
fn fnv1a(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[cfg(test)]
pub(in crate::shard) mod tests {
    use super::*;

    pub fn shipping() -> Identity {
        Identity {
            namespace: Some("prod".to_owned()),
            name: "shipping".to_owned(),
            uid: Some("7d1f".to_owned()),
            counting: Counting::Distinct,
            topics: InputTopics::of(&["orders".to_owned(), "manufactured".to_owned()]),
            partitions: NonZeroU32::new(4),
        }
    }

    fn field(ours: &Identity) -> Option<&'static str> {
        ours.mismatch(&shipping()).map(|mismatch| mismatch.field)
    }

    #[test]
    fn each_field_that_must_not_change_is_named() {
        assert_eq!(field(&shipping()), None);
        let other = Identity { namespace: Some("staging".to_owned()), ..shipping() };
        assert_eq!(field(&other), Some("object"));
        assert_eq!(field(&Identity { name: "returns".to_owned(), ..shipping() }), Some("object"));
        let counting = Counting::Quantity;
        assert_eq!(field(&Identity { counting, ..shipping() }), Some("counting"));
        let topics = InputTopics::of(&["orders".to_owned(), "scans".to_owned()]);
        let mismatch = Identity { topics, ..shipping() }.mismatch(&shipping());
        let mismatch = mismatch.expect("another topic");
        assert_eq!(mismatch.field, "topics");
        assert_eq!(mismatch.committed, "orders, manufactured");
        assert_eq!(mismatch.ours, "orders, scans");
    }

    #[test]
    fn inputs_that_have_grown_are_named_and_older_versions_say_nothing_of_them() {
        let grown = Identity { partitions: NonZeroU32::new(6), ..shipping() };
        let mismatch = grown.mismatch(&shipping()).expect("they have grown");
        assert_eq!(mismatch.field, "partitions");
        assert!(mismatch.to_string().contains("have 6 partitions, and had 4"), "{mismatch}");
        assert_eq!(field(&Identity { partitions: None, ..shipping() }), None);
        assert_eq!(grown.mismatch(&Identity { partitions: None, ..shipping() }), None);
    }

    #[test]
    fn an_object_that_is_made_again_or_moves_into_a_cluster_is_the_same() {
        assert_eq!(field(&Identity { uid: None, ..shipping() }), None);
        assert_eq!(field(&Identity { namespace: None, ..shipping() }), None);
    }

    #[test]
    fn many_long_names_are_told_apart_by_a_hash() {
        let long = |last: &str| {
            let mut names: Vec<String> =
                (0..16).map(|n| format!("{n}-{}", "x".repeat(200))).collect();
            names.push(last.to_owned());
            InputTopics::of(&names)
        };
        assert_eq!(long("a"), long("a"));
        assert_ne!(long("a"), long("b"));
        let identity = Identity { topics: long("a"), ..shipping() };
        assert!(identity.words().map(|word| word.len() + 1).sum::<usize>() < 200);
    }
}
