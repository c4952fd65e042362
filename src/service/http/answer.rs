//! Bounds the size of each answer, and of all answers together.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Json,
    body::Body as AnyBody,
    http::{
        HeaderValue, Response, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::IntoResponse,
};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The largest answer that is sent, and that one process of Rollcall accepts from another: a status
/// of 10,000 shards is half of that.
pub const ANSWER_BYTES_MAX: usize = 8 << 20;
/// The largest page of records or keys, which leaves room for the rest of an answer.
pub const PAGE_BYTES_MAX: usize = ANSWER_BYTES_MAX / 4 * 3;
/// Total size of the answers that clients have not read yet.
const ALL_KIB_MAX: usize = 64 << 10;
/// How much is given to the connection at a time, since its buffers hold that much as well.
const PIECE_BYTES: usize = 64 << 10;

/// Room for answers that are being sent.
#[derive(Debug, Clone)]
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL_KIB_MAX)))
    }
}

/// An answer's content, and a value that it keeps until it has been read.
pub struct Content<K> {
    rest: Bytes,
    room: Option<OwnedSemaphorePermit>,
    kept: Option<K>,
}

impl Room {
    /// Returns `answer` with bounded content that keeps `kept` until it has been read. If the
    /// answer is too large, or too much is being sent already, returns a refusal instead.
    pub async fn bounded<K>(&self, answer: Response<AnyBody>, kept: K) -> Response<Content<K>> {
        let (head, body) = answer.into_parts();
        let (head, rest, room) = match self.take(body).await {
            Ok((rest, room)) => (head, rest, Some(room)),
            Err(refusal) => {
                let (head, body) = refusal.into_parts();
                let rest = body.collect().await.map(http_body_util::Collected::to_bytes);
                let rest = rest.unwrap_or_default();
                (head, rest, None)
            }
        };
        let mut answer = Response::from_parts(head, Content { rest, room, kept: Some(kept) });
        let headers = answer.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Caches must not store keys and payloads.
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        answer
    }

    async fn take(
        &self,
        body: AnyBody,
    ) -> Result<(Bytes, OwnedSemaphorePermit), Response<AnyBody>> {
        let content = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|_| {
            let detail = format!(
                "the answer has more than {} MiB: ask for fewer records or keys at a time, by \
                 limit",
                ANSWER_BYTES_MAX >> 20
            );
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "TooLarge", &detail)
        })?;
        let content = content.to_bytes();
        let kib = u32::try_from(content.len().div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.0).try_acquire_many_owned(kib).map_err(|_| {
            let detail = "too many answers are being read at the same time: ask again";
            refusal(StatusCode::SERVICE_UNAVAILABLE, "Busy", detail)
        })?;
        Ok((content, room))
    }
}

/// Returns how many bytes of JSON a value takes.
pub fn json_bytes(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // A value that cannot be serialized is not sent either.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// Keeps only as many values as fit on a page, at least one; returns whether all fit.
pub fn fit<T: Serialize>(values: &mut Vec<T>) -> bool {
    let mut bytes: usize = 0;
    let fitting = values.iter().take_while(|value| {
        bytes = bytes.saturating_add(json_bytes(value));
        bytes <= PAGE_BYTES_MAX
    });
    let fitting = fitting.count().max(1);
    let all = fitting >= values.len();
    values.truncate(fitting);
    all
}

/// Returns why a request has no answer, after RFC 9457.
pub fn refusal(status: StatusCode, title: &str, detail: &str) -> Response<AnyBody> {
    let problem = json!({ "title": title, "status": status.as_u16(), "detail": detail });
    let mut answer = (status, Json(problem)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

impl<K: Unpin> Body for Content<K> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            (self.room, self.kept) = (None, None);
            return Poll::Ready(None);
        }
        let bytes = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(bytes);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
