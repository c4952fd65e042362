//! Where log lines are written and in which format.
//!
//! Promise: standard error, one line for each event, the same fields in both formats; untrusted
//! text can neither break a line nor send control sequences to a terminal. Ban: the content of a
//! record is never logged, unless `spec.logRecords` asks for the steps of each key.

use std::{
    error::Error,
    fmt::{Debug, Write},
    io::IsTerminal,
    iter::successors,
    time::{Duration, Instant},
};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    EnvFilter,
    field::RecordFields,
    fmt::{self, FormatFields, format::Writer},
};

use rollcall_core::text::escape::Printable;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One line for people.
    Text,
    /// One JSON object, with the fields of the event beside `timestamp`, `level` and `message`.
    Json,
}

/// Starts logging, at the level set by `RUST_LOG`, or `info`.
///
/// # Panics
/// When called twice.
pub fn start(format: Format) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let builder = fmt::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        Format::Text => builder.fmt_fields(TextFields).init(),
        Format::Json => {
            builder
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .init();
        }
    }
}

/// Writes the fields of an event, and the message, like the default but with control characters
/// escaped.
struct TextFields;

impl<'w> FormatFields<'w> for TextFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> std::fmt::Result {
        let mut text = TextVisitor { writer, is_first: true, result: Ok(()) };
        fields.record(&mut text);
        text.result
    }
}

struct TextVisitor<'w> {
    writer: Writer<'w>,
    is_first: bool,
    result: std::fmt::Result,
}

impl TextVisitor<'_> {
    fn write(&mut self, field: &Field, value: std::fmt::Arguments<'_>) -> std::fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(' ')?;
        }
        // The name is ours, and so are the colours.
        match (field.name(), self.writer.has_ansi_escapes()) {
            ("message", _) => {}
            (name, true) => write!(self.writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?,
            (name, false) => write!(self.writer, "{name}=")?,
        }
        Printable(&mut self.writer).write_fmt(value)
    }

    fn record(&mut self, field: &Field, value: std::fmt::Arguments<'_>) {
        if self.result.is_ok() {
            self.result = self.write(field, value);
        }
    }
}

impl Visit for TextVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.record(field, format_args!("{value}")),
            _ => self.record(field, format_args!("{value:?}")),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let causes: String = successors(value.source(), |&error| error.source())
            .map(|cause| format!(": {cause}"))
            .collect();
        self.record(field, format_args!("{value}{causes}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record(field, format_args!("{value:?}"));
    }
}

/// Most lines of one kind in [`LIMIT_INTERVAL`].
const LIMIT_LINES: u32 = 8;
const LIMIT_INTERVAL: Duration = Duration::from_secs(10);

/// Bounds how often one kind of problem is logged, so that it does not drown out the others.
#[derive(Debug, Default)]
pub struct Limiter {
    since: Option<Instant>,
    told: u32,
    withheld: u64,
}

impl Limiter {
    /// Returns how many lines were withheld since the last one, if another may be logged now.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now.duration_since(since) >= LIMIT_INTERVAL) {
            (self.since, self.told) = (Some(now), 0);
        }
        if self.told >= LIMIT_LINES {
            self.withheld += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.withheld))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[test]
    fn text_of_others_neither_breaks_a_line_nor_talks_to_a_terminal() {
        #[derive(Clone, Default)]
        struct Log(Arc<Mutex<Vec<u8>>>);
        impl Write for Log {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().expect("nothing panics here").write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let log = Log::default();
        let writer = log.clone();
        let builder = fmt::fmt().with_ansi(false).without_time().fmt_fields(TextFields);
        let subscriber = builder.with_writer(move || writer.clone()).finish();
        let key = "a\n2026-01-01T00:00:00Z ERROR forged\x1b[2J\x07\u{202e}";
        let error = std::io::Error::other(key);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(key, shown = %key, %error, n = 3, "of {key}");
        });
        let text = String::from_utf8(log.0.lock().expect("as above").clone()).expect("UTF-8");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.trim_end().contains(char::is_control), "{text:?}");
        assert!(!text.contains('\u{202e}'), "{text:?}");
        assert!(text.contains("of a\\n2026") && text.contains("shown=a\\n2026"), "{text}");
        assert!(text.trim_end().ends_with("n=3"), "{text}");
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let told = (0..100).filter(|_| limiter.admit(now).is_some()).count();
        assert_eq!(told, 8);
        assert_eq!(limiter.admit(now + LIMIT_INTERVAL), Some(92));
        assert_eq!(limiter.admit(now + LIMIT_INTERVAL), Some(0));
    }
}
