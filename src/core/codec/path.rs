//! Paths into a JSON document: names, indices and `[*]` of RFC 9535 JSONPath.
//!
//! Promise: what parses means what the RFC says, except that a wildcard selects the elements of an
//! array and not the members of an object. Everything else is rejected with its column and a fix,
//! never partly understood. `$envelope` instead of `$` begins at what a record is wrapped in.

use std::fmt;
use std::str::FromStr;

/// Maximum number of segments in a path; deeper parts of a document are skipped, not searched.
pub const SEGMENTS_MAX: usize = 32;

/// A path, such as `$.items[*].id`; by default `$`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Path {
    root: Root,
    segments: Vec<Segment>,
}

/// Where a path begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Root {
    /// At the value, without what it is wrapped in.
    #[default]
    Value,
    /// At what the value is wrapped in.
    Envelope,
}

impl Root {
    /// The name of the envelope, after the `$`.
    const ENVELOPE: &str = "envelope";

    fn text(self) -> &'static str {
        match self {
            Self::Value => "$",
            Self::Envelope => "$envelope",
        }
    }
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// The member of an object with this name.
    Name(String),
    /// The element of an array at this index, from 0.
    Index(usize),
    /// Every element of an array.
    Wildcard,
}

/// Why a text is not a path; columns count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct PathError {
    pub column: usize,
    pub problem: PathProblem,
}

/// What is wrong with a path, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    #[error("a path starts with $, as in $.id")]
    NoRoot,
    #[error("a segment starts with . or [, as in $.items[*].id")]
    NoSegment,
    #[error(
        "a name after a dot starts with a letter or _ and goes on with letters, digits and _; \
         write any other name as ['name']"
    )]
    NoName,
    #[error("descending with .. is not supported; write every name on the way")]
    Descendant,
    #[error("brackets hold a quoted name, an index from 0 or *, as in ['name'], [0] or [*]")]
    NoSelector,
    #[error("an index counts from the start; write the index from 0")]
    NegativeIndex,
    #[error("an index is a number without leading zeros, at most 9007199254740991")]
    BadIndex,
    #[error("slices are not supported; write one index or [*]")]
    Slice,
    #[error("several selectors in one pair of brackets are not supported; write one")]
    Union,
    #[error("filters are not supported; select what every record has")]
    Filter,
    #[error("a bracket is not closed; add ]")]
    OpenBracket,
    #[error("a quoted name is not closed; add the quote that opened it")]
    OpenQuote,
    #[error("unknown escape; known are \\b \\f \\n \\r \\t \\/ \\\\ \\uXXXX and the opening quote")]
    BadEscape,
    #[error("a control character must be escaped, as in \\u0009")]
    ControlCharacter,
    #[error("a path has at most {SEGMENTS_MAX} segments")]
    TooLong,
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// The problem and its column.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut parser = Parser { text, at: 0 };
        if parser.next() != Some('$') {
            return Err(PathError { column: 1, problem: PathProblem::NoRoot });
        }
        let mut segments = Vec::new();
        let root = parser.root();
        while let Some(segment) = parser.segment()? {
            if segments.len() == SEGMENTS_MAX {
                return parser.fail(PathProblem::TooLong);
            }
            segments.push(segment);
        }
        Ok(Self { root, segments })
    }

    pub fn root(&self) -> Root {
        self.root
    }

    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns whether the path selects at most one place.
    pub fn is_singular(&self) -> bool {
        !self.segments.contains(&Segment::Wildcard)
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self.root, &self.segments, f)
    }
}

/// Returns the text of the path made of `segments`.
pub(super) fn text_of(root: Root, segments: &[Segment]) -> String {
    let mut text = String::new();
    write(root, segments, &mut text).expect("a String takes every text");
    text
}

/// Returns the text of `path` with each `[*]`, from the left, replaced by one of `indices`.
pub(super) fn with_indices(path: &str, indices: &[usize]) -> String {
    let Ok(Path { root, mut segments }) = Path::parse(path) else { return path.to_owned() };
    let wildcards = segments.iter_mut().filter(|segment| **segment == Segment::Wildcard);
    wildcards.zip(indices).for_each(|(segment, index)| *segment = Segment::Index(*index));
    text_of(root, &segments)
}

fn write(root: Root, segments: &[Segment], out: &mut impl fmt::Write) -> fmt::Result {
    out.write_str(root.text())?;
    for segment in segments {
        match segment {
            Segment::Name(name) if is_shorthand(name) => write!(out, ".{name}")?,
            Segment::Name(name) => write_quoted(name, out)?,
            Segment::Index(index) => write!(out, "[{index}]")?,
            Segment::Wildcard => out.write_str("[*]")?,
        }
    }
    Ok(())
}

fn write_quoted(name: &str, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_str("['")?;
    for character in name.chars() {
        match character {
            '\'' | '\\' => write!(out, "\\{character}")?,
            '\u{0}'..='\u{1f}' => write!(out, "\\u{:04x}", u32::from(character))?,
            _ => out.write_char(character)?,
        }
    }
    out.write_str("']")
}

fn is_shorthand(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

fn starts_name(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_' || !character.is_ascii()
}

fn continues_name(character: char) -> bool {
    starts_name(character) || character.is_ascii_digit()
}

struct Parser<'a> {
    text: &'a str,
    /// Byte at which the next character starts.
    at: usize,
}

impl Parser<'_> {
    /// Reads what follows the `$`.
    fn root(&mut self) -> Root {
        let rest = self.text[self.at..].strip_prefix(Root::ENVELOPE);
        match rest.map(|rest| rest.chars().next()) {
            Some(None | Some('.' | '[')) => {
                self.at += Root::ENVELOPE.len();
                Root::Envelope
            }
            _ => Root::Value,
        }
    }

    fn segment(&mut self) -> Result<Option<Segment>, PathError> {
        let blank_at = self.at;
        self.skip_blanks();
        match self.next() {
            None if self.at > blank_at => {
                self.at = blank_at;
                self.fail(PathProblem::NoSegment)
            }
            None => Ok(None),
            Some('.') => self.shorthand().map(Some),
            Some('[') => self.bracketed().map(Some),
            Some(_) => self.fail_back(PathProblem::NoSegment),
        }
    }

    fn shorthand(&mut self) -> Result<Segment, PathError> {
        match self.peek() {
            Some('*') => {
                self.next();
                return Ok(Segment::Wildcard);
            }
            Some('.') => return self.fail(PathProblem::Descendant),
            Some(first) if starts_name(first) => {}
            _ => return self.fail(PathProblem::NoName),
        }
        let start = self.at;
        while self.peek().is_some_and(continues_name) {
            self.next();
        }
        // Otherwise `$.order-id` would get the message that a segment starts with a dot.
        if self.peek().is_some_and(|next| !matches!(next, '.' | '[') && !is_blank(next)) {
            return self.fail(PathProblem::NoName);
        }
        Ok(Segment::Name(self.text[start..self.at].to_owned()))
    }

    fn bracketed(&mut self) -> Result<Segment, PathError> {
        self.skip_blanks();
        let segment = match self.next() {
            Some('*') => Segment::Wildcard,
            Some(quote @ ('\'' | '"')) => Segment::Name(self.quoted(quote)?),
            Some('0'..='9') => self.index()?,
            Some('-') => return self.fail_back(PathProblem::NegativeIndex),
            Some(':') => return self.fail_back(PathProblem::Slice),
            Some('?') => return self.fail_back(PathProblem::Filter),
            Some(_) => return self.fail_back(PathProblem::NoSelector),
            None => return self.fail(PathProblem::OpenBracket),
        };
        self.skip_blanks();
        match self.next() {
            Some(']') => Ok(segment),
            Some(',') => self.fail_back(PathProblem::Union),
            Some(':') => self.fail_back(PathProblem::Slice),
            Some(_) => self.fail_back(PathProblem::OpenBracket),
            None => self.fail(PathProblem::OpenBracket),
        }
    }

    fn index(&mut self) -> Result<Segment, PathError> {
        let start = self.at - 1;
        while self.peek().is_some_and(|next| next.is_ascii_digit()) {
            self.next();
        }
        let digits = &self.text[start..self.at];
        // The largest integer that every JSON implementation agrees on (I-JSON).
        let index = digits.parse::<u64>().ok().filter(|index| *index < 1 << 53);
        match index.and_then(|index| usize::try_from(index).ok()) {
            Some(index) if digits == "0" || !digits.starts_with('0') => Ok(Segment::Index(index)),
            _ => {
                self.at = start;
                self.fail(PathProblem::BadIndex)
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, PathError> {
        let mut name = String::new();
        loop {
            match self.next() {
                None => return self.fail(PathProblem::OpenQuote),
                Some(next) if next == quote => return Ok(name),
                Some('\\') => name.push(self.escape(quote)?),
                Some('\u{0}'..='\u{1f}') => return self.fail_back(PathProblem::ControlCharacter),
                Some(next) => name.push(next),
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<char, PathError> {
        match self.next() {
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some(next @ ('/' | '\\')) => Ok(next),
            Some(next) if next == quote => Ok(next),
            Some('u') => self.unicode(),
            Some(_) => self.fail_back(PathProblem::BadEscape),
            None => self.fail(PathProblem::OpenQuote),
        }
    }

    fn unicode(&mut self) -> Result<char, PathError> {
        let start = self.at;
        let mut units = Vec::with_capacity(2);
        loop {
            let unit = self.text.get(self.at..self.at + 4).unwrap_or_default();
            let is_hex = unit.len() == 4 && unit.bytes().all(|byte| byte.is_ascii_hexdigit());
            let Ok(value) = u16::from_str_radix(if is_hex { unit } else { "" }, 16) else {
                break;
            };
            self.at += 4;
            units.push(value);
            // Half of a surrogate pair is not a character.
            match char::decode_utf16(units.iter().copied()).next() {
                Some(Ok(character)) => return Ok(character),
                _ if units.len() < 2 && self.text[self.at..].starts_with("\\u") => self.at += 2,
                _ => break,
            }
        }
        self.at = start;
        self.fail(PathProblem::BadEscape)
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.next();
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Fails at the next character.
    fn fail<T>(&self, problem: PathProblem) -> Result<T, PathError> {
        let column = self.text[..self.at].chars().count() + 1;
        Err(PathError { column, problem })
    }

    /// Fails at the character that was read last.
    fn fail_back<T>(&self, problem: PathProblem) -> Result<T, PathError> {
        let column = self.text[..self.at].chars().count();
        Err(PathError { column, problem })
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests;
