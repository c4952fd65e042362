//! A connection that does not wait for ever for whoever reads.

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

/// How long a reader may take nothing at all, and how long one may take for all of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub stalled: Duration,
    pub whole: Duration,
}

/// A connection whose writes fail once the reader takes nothing, or too little.
pub struct Stream {
    inner: TcpStream,
    patience: Patience,
    /// When all of what is being answered must have been taken; `None` between answers.
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

    /// Returns what a write says, and an error instead of waiting for too long.
    fn bounded<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let until = *self.until.get_or_insert_with(|| Instant::now() + self.patience.whole);
        if let Poll::Ready(done) = write(Pin::new(&mut self.inner), cx) {
            self.is_waiting = false;
            // Whoever takes a byte now and then is waited for no longer than anybody else.
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
            // Another request: the answer before it was taken.
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
