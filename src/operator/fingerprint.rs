//! Decides whether pods are restarted: a hash of what they read when they start.
//!
//! The contents of Secrets go into the hash together with the Secret's uid, which only those who
//! may read the Secret know. Without it the hash, which everyone who may see pods can see, would
//! allow guessing a short password. As a consequence a Secret that is deleted and created again
//! also restarts pods; changing its labels does not.

use openssl::sha::Sha256;

use super::build::Hashes;
use super::dereference::Content;
use rollcall_object::Reader;

/// Returns the hashes for a file and the Secrets that it names.
pub fn hashes(config: &str, secrets: &[Content]) -> Hashes {
    let of = |readers: &[Reader]| {
        let read = secrets.iter().filter(|content| readers.contains(&content.field.reader()));
        hash(config, read)
    };
    Hashes { worker: of(&[Reader::All]), console: of(&[Reader::All, Reader::Console]) }
}

/// Returns the hash of a text.
pub fn of_text(text: &str) -> String {
    hash(text, std::iter::empty())
}

fn hash<'a>(config: &str, secrets: impl Iterator<Item = &'a Content>) -> String {
    let mut hash = Sha256::new();
    // Each part is hashed with its length, so that no two lists of parts give the same input.
    let mut add = |part: &[u8]| {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(config.as_bytes());
    for Content { uid, entries, .. } in secrets {
        add(uid.as_bytes());
        for (key, value) in entries {
            add(key.as_bytes());
            add(value);
        }
    }
    hash.finish()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use rollcall_object::SecretField;

    fn content(field: SecretField, key: &str, value: &str) -> Content {
        let entries = BTreeMap::from([(key.to_owned(), value.as_bytes().to_vec())]);
        Content { field, uid: "u".to_owned(), entries }
    }

    #[test]
    fn only_who_reads_a_secret_starts_anew_when_it_changes() {
        let login = content(SecretField::KafkaLogin, "password", "a");
        let token = content(SecretField::ConsoleToken, "token", "a");
        let before = hashes("file", &[login.clone(), token.clone()]);
        assert_eq!(before, hashes("file", &[login.clone(), token.clone()]));

        let rotated = hashes("file", &[content(SecretField::KafkaLogin, "password", "b"), token]);
        assert_ne!(before.worker, rotated.worker);
        assert_ne!(before.console, rotated.console, "it shows what is in the topics");

        let token = content(SecretField::ConsoleToken, "token", "b");
        let rotated = hashes("file", &[login, token]);
        assert_eq!(before.worker, rotated.worker);
        assert_ne!(before.console, rotated.console);
    }

    #[test]
    fn a_changed_file_starts_all_anew() {
        let (before, after) = (hashes("a", &[]), hashes("b", &[]));
        assert_ne!(before.worker, after.worker);
        assert_ne!(before.console, after.console);
    }

    #[test]
    fn parts_do_not_run_together() {
        let of = |key: &str, value: &str| {
            hashes("file", &[content(SecretField::KafkaLogin, key, value)]).worker
        };
        assert_ne!(of("ab", "c"), of("a", "bc"));
    }
}
