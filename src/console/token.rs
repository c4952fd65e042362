//! The token that readers of the page must send, if one is required.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, header::AUTHORIZATION};

use rollcall_core::{
    shard::{Error, Result},
    text::plain::sentence,
};
use rollcall_service::log::Limiter;

/// How many wrong tokens one address may send at once, and how soon it may send another.
const GUESSES: u32 = 10;
const GUESS_EVERY: Duration = Duration::from_secs(1);
/// How many addresses are counted separately; all others share one count.
const GUESSERS_MAX: usize = 1_000;

/// A token in a file. It is read again at each request, so the file can be changed at any time.
#[derive(Debug)]
pub struct Token {
    file: PathBuf,
    guesses: Mutex<Guesses>,
    unusable: Mutex<Limiter>,
}

/// The decision on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Admitted,
    /// It has no token, or a wrong one.
    Refused,
    /// Its sender has sent too many wrong tokens: the token is not even compared.
    TooMany,
    /// No request can be accepted, and why.
    Unusable(String),
}

impl Token {
    /// Returns the token in `file`.
    ///
    /// # Errors
    /// When the file cannot be read, or its content cannot be a token.
    pub fn new(file: PathBuf) -> Result<Self> {
        let token = Self { file, guesses: Mutex::default(), unusable: Mutex::default() };
        match token.read() {
            Ok(_) => Ok(token),
            Err(reason) => Err(Error::Misconfigured(reason)),
        }
    }

    fn read(&self) -> std::result::Result<String, String> {
        let file = self.file.display();
        let bytes = fs::read(&self.file).map_err(|error| {
            format!("--token-file: {file} cannot be read: {}", sentence(&error))
        })?;
        let remedy = "put one line of ASCII characters into it, such as `openssl rand -hex 32` \
                      makes, or leave --token-file out";
        let refused = |what: &str| format!("--token-file: {file} {what}: {remedy}");
        let text = String::from_utf8(bytes).map_err(|_| refused("is no text"))?;
        match text.trim() {
            "" => Err(refused("holds no token")),
            token if token.lines().count() > 1 => Err(refused("has several lines")),
            // An HTTP header can hold no other characters.
            token if token.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) => {
                Ok(token.to_owned())
            }
            _ => Err(refused("holds characters that a request cannot carry")),
        }
    }

    /// Decides on a request: it has to send `Authorization: Bearer TOKEN`.
    pub fn judge(&self, headers: &HeaderMap, peer: Option<IpAddr>, now: Instant) -> Verdict {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let Some(given) = given else { return Verdict::Refused };
        let mut guesses = self.guesses.lock().expect("nothing panics under this lock");
        let count = guesses.of(peer, now);
        if count.is_exhausted(now) {
            return Verdict::TooMany;
        }
        match self.read() {
            Ok(token) if same(given, &token) => Verdict::Admitted,
            Ok(_) => {
                count.add(now);
                Verdict::Refused
            }
            // Without a token to compare with, no request is accepted.
            Err(reason) => {
                let mut limiter = self.unusable.lock().expect("nothing panics under this lock");
                if let Some(withheld) = limiter.admit(Instant::now()) {
                    tracing::warn!(withheld, "nobody can be let in: {reason}");
                }
                Verdict::Unusable(reason)
            }
        }
    }
}

/// Wrong tokens, by the address that sent them.
#[derive(Debug, Default)]
struct Guesses {
    by_peer: BTreeMap<IpAddr, Guess>,
    others: Guess,
}

/// When the guesses of one address are forgotten, each [`GUESS_EVERY`] after the one before.
#[derive(Debug, Default, Clone, Copy)]
struct Guess {
    forgotten: Option<Instant>,
}

impl Guesses {
    fn of(&mut self, peer: Option<IpAddr>, now: Instant) -> &mut Guess {
        let Some(peer) = peer.map(network) else { return &mut self.others };
        if self.by_peer.len() >= GUESSERS_MAX {
            self.by_peer.retain(|_, guess| guess.forgotten.is_some_and(|at| at > now));
        }
        if self.by_peer.len() >= GUESSERS_MAX && !self.by_peer.contains_key(&peer) {
            return &mut self.others;
        }
        self.by_peer.entry(peer).or_default()
    }
}

/// Counts an IPv6 network as one sender, because its owner has 2⁶⁴ addresses.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

impl Guess {
    fn is_exhausted(self, now: Instant) -> bool {
        self.forgotten.is_some_and(|at| at > now + GUESS_EVERY * (GUESSES - 1))
    }

    fn add(&mut self, now: Instant) {
        self.forgotten = Some(self.forgotten.map_or(now, |at| at.max(now)) + GUESS_EVERY);
    }
}

/// Compares in constant time, which does not reveal how much of the token was right.
fn same(given: &str, token: &str) -> bool {
    given.len() == token.len()
        && given.bytes().zip(token.bytes()).fold(0, |odd, (a, b)| odd | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().expect("a legal header"));
        headers
    }

    fn judge(token: &Token, value: &str) -> Verdict {
        token.judge(&headers(value), None, Instant::now())
    }

    #[test]
    fn only_the_token_of_the_file_is_let_in_and_it_can_be_changed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("token");
        assert!(Token::new(file.clone()).is_err());
        fs::write(&file, "open sesame\n").expect("the directory is ours");
        let token = Token::new(file.clone()).expect("it holds one");
        let admits = |value: &str| judge(&token, value) == Verdict::Admitted;
        assert!(admits("Bearer open sesame") && admits("bearer open sesame"));
        assert!(!admits("Bearer open sesamE") && !admits("open sesame") && !admits("Bearer "));
        assert_eq!(token.judge(&HeaderMap::new(), None, Instant::now()), Verdict::Refused);
        fs::write(&file, "changed").expect("the directory is ours");
        assert!(admits("Bearer changed") && !admits("Bearer open sesame"));
        fs::write(&file, "two\nlines").expect("the directory is ours");
        assert!(matches!(judge(&token, "Bearer two"), Verdict::Unusable(_)));
        fs::remove_file(&file).expect("it was there");
        assert!(matches!(judge(&token, "Bearer changed"), Verdict::Unusable(_)));
    }

    #[test]
    fn a_file_that_can_hold_no_token_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("token");
        for (content, reason) in [
            (&b""[..], "holds no token"),
            (b" \n", "holds no token"),
            (b"one\ntwo\n", "several lines"),
            ("gehe\u{ef}m".as_bytes(), "cannot carry"),
            ("\u{442}\u{43e}\u{43a}\u{435}\u{43d}".as_bytes(), "cannot carry"),
            (b"a\tb", "cannot carry"),
            (b"\xff\xfe", "is no text"),
        ] {
            fs::write(&file, content).expect("the directory is ours");
            let error = Token::new(file.clone()).expect_err("no token").to_string();
            assert!(error.contains(reason) && error.contains("openssl rand"), "{error}");
        }
    }

    #[test]
    fn whoever_guesses_gets_few_answers_and_keeps_nobody_else_out() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("token");
        fs::write(&file, "right").expect("the directory is ours");
        let token = Token::new(file).expect("it holds one");
        let (start, peer) = (Instant::now(), |text: &str| text.parse().ok());
        let ask = |value: &str, from: &str, at| token.judge(&headers(value), peer(from), at);
        let seconds = Duration::from_secs;
        let guess = |at| ask("Bearer wrong", "10.0.0.1", at) == Verdict::Refused;
        assert_eq!((0..36_000).filter(|_| guess(start)).count(), 10);
        assert_eq!(ask("Bearer right", "10.0.0.1", start), Verdict::TooMany);
        assert_eq!(ask("Bearer right", "10.0.0.2", start), Verdict::Admitted);
        assert_eq!((0..100).filter(|_| guess(start + seconds(5))).count(), 5);
        assert_eq!(ask("Bearer right", "10.0.0.1", start + seconds(60)), Verdict::Admitted);
        // One IPv6 network counts as one sender.
        let six = |n: u32| ask("Bearer wrong", &format!("2001:db8::{n:x}"), start);
        assert_eq!((0..100).filter(|n| six(*n) == Verdict::Refused).count(), 10);
    }
}
