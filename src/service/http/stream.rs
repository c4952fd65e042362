//! A connection that does not wait forever for a slow reader.

use std::{
    future::Future,
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

/// How long a reader may read nothing at all, and how long it may take to read a whole answer.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub stalled: Duration,
    pub whole: Duration,
}

/// A connection whose writes fail once the client reads nothing, or too slowly.
pub struct Stream {
    inner: TcpStream,
    patience: Patience,
    /// When the current answer must have been read completely; `None` between answers.
    until: Option<Instant>,
    /// Runs while a write waits.
    alarm: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl Stream {
    pub fn new(inner: TcpStream, patience: Patience) -> Self {
        let alarm = Box::pin(tokio::time::sleep(patience.stalled));
        Self { inner, patience, until: None, alarm, is_waiting: false }
    }

    /// Returns the result of a write, or an error instead of waiting too long.
    fn bounded<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let until = *self.until.get_or_insert_with(|| Instant::now() + self.patience.whole);
        if let Poll::Ready(done) = write(Pin::new(&mut self.inner), cx) {
            self.is_waiting = false;
            // Clients that read a byte now and then get no more time than others.
            let is_late = done.is_ok() && Instant::now() > until;
            return Poll::Ready(if is_late { Err(too_slow()) } else { done });
        }
        if !std::mem::replace(&mut self.is_waiting, true) {
            let stalled = Instant::now() + self.patience.stalled;
            self.alarm.as_mut().reset(stalled.min(until));
        }
        ready!(self.alarm.as_mut().poll(cx));
        Poll::Ready(Err(too_slow()))
    }
}

fn too_slow() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "the answer is not being read")
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > before {
            // A new request: the previous answer has been read.
            self.until = None;
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.bounded(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.bounded(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
