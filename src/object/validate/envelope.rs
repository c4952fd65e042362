//! What records are wrapped in: all entries of a topic say the same.

use crate::problem::Problems;
use crate::resource::{EnvelopeSpec, ReconciliationSpec};
use rollcall_core::codec::input::Envelope;

/// Returns the envelope of an entry.
pub(super) fn envelope(spec: Option<EnvelopeSpec>) -> Option<Envelope> {
    spec.map(|spec| match spec {
        EnvelopeSpec::Debezium => Envelope::Debezium,
        EnvelopeSpec::CloudEvents => Envelope::CloudEvents,
        EnvelopeSpec::Connect => Envelope::Connect,
    })
}

/// Reports entries of one topic with different envelopes.
pub(super) fn check(spec: &ReconciliationSpec, problems: &mut Problems) {
    let expected = ("spec.expected".to_owned(), &spec.expected.topic, spec.expected.envelope);
    let observed = spec.observed.iter().enumerate();
    let observed =
        observed.map(|(index, it)| (format!("spec.observed[{index}]"), &it.topic, it.envelope));
    let entries: Vec<_> = std::iter::once(expected).chain(observed).collect();
    for (at, (place, topic, envelope)) in entries.iter().enumerate() {
        let first = entries[..at].iter().find(|(_, other, _)| other == topic);
        let Some((other, _, found)) = first.filter(|(_, _, found)| found != envelope) else {
            continue;
        };
        let name = |of| self::envelope(of).map_or("none".to_owned(), |it| it.to_string());
        problems.add(
            format!("{place}.envelope"),
            format!("is {}, and {other} has {} for the same topic", name(*envelope), name(*found)),
            "write the same for both: what the records of the topic are wrapped in",
        );
    }
}
