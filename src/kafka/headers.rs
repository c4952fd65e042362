//! The headers of messages that are read with `rdkafka`'s own clients, as the core reads headers.

use std::fmt;

use rdkafka::message::{BorrowedMessage, Headers as _, Message};

use rollcall_core::record::Headers;

/// The headers of a message.
pub struct HeadersOf<'m>(pub &'m BorrowedMessage<'m>);

impl Headers for HeadersOf<'_> {
    fn each(&self, show: &mut dyn FnMut(&str, Option<&[u8]>)) {
        let headers = self.0.headers().into_iter().flat_map(|headers| headers.iter());
        headers.for_each(|header| show(header.key, header.value));
    }
}

impl fmt::Debug for HeadersOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Their content must not be logged.
        f.debug_struct("HeadersOf").finish_non_exhaustive()
    }
}
