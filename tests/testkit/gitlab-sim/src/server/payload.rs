//! Bodies of answers: whole, slow, or broken off.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Sleep;

/// A slow body is sent in pieces, so many a second.
const PIECES_PER_SECOND: u64 = 20;

/// A body of known length that may be sent slowly, and of which only a part may ever be sent.
pub struct Payload {
    left: Bytes,
    /// What the client is told to expect beyond `left`; if it is not 0, the connection breaks after `left`.
    missing: u64,
    bytes_per_second: Option<u64>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Payload {
    pub fn new(bytes: Bytes, bytes_per_second: Option<u64>) -> Self {
        Self {
            left: bytes,
            missing: 0,
            bytes_per_second,
            pause: None,
        }
    }

    /// Breaks off after half of it.
    pub fn half(self) -> Self {
        let kept = self.left.len() / 2;
        Self {
            // Even an empty body must miss something, or nothing would break.
            missing: (self.left.len() - kept).max(1) as u64,
            left: self.left.slice(..kept),
            ..self
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if self.left.is_empty() {
            let end = io::Error::other("a fault that was asked for");
            return Poll::Ready((self.missing > 0).then_some(Err(end)));
        }
        let length = self.left.len();
        let piece = match self.bytes_per_second {
            Some(speed) => length.min(speed.div_ceil(PIECES_PER_SECOND).max(1) as usize),
            None => length,
        };
        let piece = self.left.split_to(piece);
        if let Some(speed) = self.bytes_per_second {
            let time = Duration::from_secs_f64(piece.len() as f64 / speed.max(1) as f64);
            self.pause = Some(Box::pin(tokio::time::sleep(time)));
        } else if self.missing > 0 {
            // Without a breath in between, what came before would be thrown away unsent.
            self.pause = Some(Box::pin(tokio::time::sleep(Duration::from_millis(5))));
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.missing == 0 && self.pause.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64 + self.missing)
    }
}
