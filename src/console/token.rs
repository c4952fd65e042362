//! The token that readers of the page must give, where one is asked for.

use std::path::PathBuf;

use axum::http::{HeaderMap, header::AUTHORIZATION};

use crate::shard::{Error, Result};

/// A token in a file, read anew at each request, so that it can be changed under us.
#[derive(Debug, Clone)]
pub struct Token(PathBuf);

impl Token {
    /// Returns the token in `file`.
    ///
    /// # Errors
    /// When the file cannot be read or holds nothing.
    pub fn new(file: PathBuf) -> Result<Self> {
        let token = Self(file);
        match token.read() {
            Some(_) => Ok(token),
            None => Err(Error::Misconfigured(format!(
                "{} holds no token: put one into it, or leave --token-file out",
                token.0.display()
            ))),
        }
    }

    fn read(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.0).ok()?;
        Some(text.trim().to_owned()).filter(|token| !token.is_empty())
    }

    /// Tells whether a request may be answered: it says `Authorization: Bearer TOKEN`.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        // Without a token to compare with nobody is let in.
        matches!((given, self.read()), (Some(given), Some(token)) if same(given, &token))
    }
}

/// Compares in a time that does not tell how much of it was right.
fn same(given: &str, token: &str) -> bool {
    given.len() == token.len()
        && given.bytes().zip(token.bytes()).fold(0, |odd, (a, b)| odd | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_of_the_file_is_let_in_and_it_can_be_changed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("token");
        assert!(Token::new(file.clone()).is_err());
        std::fs::write(&file, "open sesame\n").expect("the directory is ours");
        let token = Token::new(file.clone()).expect("it holds one");
        let admits = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().expect("a legal header"));
            token.admits(&headers)
        };
        assert!(admits("Bearer open sesame"));
        assert!(!admits("Bearer open sesamE") && !admits("open sesame") && !admits("Bearer "));
        assert!(!token.admits(&HeaderMap::new()));
        std::fs::write(&file, "changed").expect("the directory is ours");
        assert!(admits("Bearer changed") && !admits("Bearer open sesame"));
        std::fs::remove_file(&file).expect("it was there");
        assert!(!admits("Bearer changed"));
    }
}
