//! A connection that can be cut off the hard way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Orders a connection to end with a TCP reset instead of an orderly end.
#[derive(Clone, Default)]
pub struct Breaker(Arc<AtomicBool>);

impl Breaker {
    pub fn trip(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub struct Wire {
    stream: TcpStream,
    breaker: Breaker,
}

impl Wire {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            breaker: Breaker::default(),
        }
    }

    pub fn breaker(&self) -> Breaker {
        self.breaker.clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.breaker.0.load(Ordering::Relaxed) {
            // Closing a socket that lingers for no time sends a reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.breaker.0.load(Ordering::Relaxed) {
            // An orderly end now would reach the client before the reset does.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
