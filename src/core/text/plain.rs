//! Operating-system errors in readable form, without error numbers.

use std::io::{self, ErrorKind};

/// Returns what went wrong with a file, a directory or an address, without the system's number. The
/// caller adds what was tried and what to check.
pub fn sentence(error: &io::Error) -> String {
    let known = match error.kind() {
        ErrorKind::NotFound => "there is no such file or directory",
        ErrorKind::PermissionDenied => "permission is denied",
        ErrorKind::IsADirectory => "it is a directory",
        ErrorKind::NotADirectory => "a part of the path is a file, where a directory is needed",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::StorageFull => "no space is left there",
        ErrorKind::QuotaExceeded => "the quota is used up",
        ErrorKind::InvalidData => "it is not UTF-8 text",
        ErrorKind::AddrInUse => "another process listens there",
        ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => return without_number(&error.to_string()).to_owned(),
    };
    known.to_owned()
}

/// Returns `text` without a trailing ` (os error 111)`.
pub fn without_number(text: &str) -> &str {
    let rest = text.rsplit_once(" (os error ").filter(|(_, number)| number.ends_with(')'));
    rest.map_or(text, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_shown() {
        for number in 1..=120 {
            let said = sentence(&io::Error::from_raw_os_error(number));
            assert!(!said.contains("os error") && !said.is_empty(), "{number}: {said}");
        }
        let missing = std::fs::read_to_string("/nowhere/at/all").expect_err("there is none");
        assert_eq!(sentence(&missing), "there is no such file or directory");
    }
}
