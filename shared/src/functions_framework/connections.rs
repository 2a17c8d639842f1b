//! How many connections are open, and for how long: a caller who sends or reads nothing must not keep others out.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

/// The most connections, whatever the file limit is: Cloud Run sends an instance at most 1,000 requests at once.
const MOST: usize = 1_024;

/// As many as the process may open files for, with a quarter of those left for everything else.
pub(crate) fn most() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files
        .and_then(|files| usize::try_from(files).ok())
        .unwrap_or(usize::MAX);
    (files / 4 * 3).clamp(1, MOST)
}

/// The connections that are open.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    most: usize,
    open: Arc<Mutex<Vec<Arc<HttpConnection>>>>,
    /// Told when one has ended.
    ended: Arc<Notify>,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct HttpConnection {
    /// Requests that are being answered.
    requests: AtomicUsize,
    /// Since when it has waited for a request.
    idle_since: Mutex<Instant>,
    close: CancellationToken,
}

/// Keeps a connection counted.
#[derive(Debug)]
pub(super) struct OpenConnection {
    all: Connections,
    connection: Arc<HttpConnection>,
}

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            open: Arc::default(),
            ended: Arc::default(),
        }
    }

    /// Waits until there is room for another one. The connection that has waited longest for a request is closed to
    /// make room: whoever only holds places loses them first.
    pub(super) async fn room(&self) {
        loop {
            let ended = self.ended.notified();
            {
                let open = self.open();
                if open.len() < self.most {
                    return;
                }
                let idle = open.iter().filter(|connection| connection.is_idle());
                if let Some(oldest) = idle.min_by_key(|connection| connection.idle_since()) {
                    oldest.close.cancel();
                }
            }
            ended.await;
        }
    }

    pub(super) fn add(&self) -> OpenConnection {
        let connection = Arc::new(HttpConnection {
            requests: AtomicUsize::new(0),
            idle_since: Mutex::new(Instant::now()),
            close: CancellationToken::new(),
        });
        self.open().push(connection.clone());
        OpenConnection {
            all: self.clone(),
            connection,
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<HttpConnection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenConnection {
    pub(super) fn connection(&self) -> Arc<HttpConnection> {
        self.connection.clone()
    }

    /// Waits until its place is needed by another one.
    pub(super) async fn closed(&self) {
        self.connection.close.cancelled().await;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.all.open().retain(|other| !Arc::ptr_eq(other, &self.connection));
        self.all.ended.notify_waiters();
    }
}

impl HttpConnection {
    /// A request has come; the connection is in use until what is returned is dropped.
    pub(super) fn in_use(self: Arc<Self>) -> InUse {
        self.requests.fetch_add(1, Ordering::SeqCst);
        InUse(self)
    }

    fn is_idle(&self) -> bool {
        self.requests.load(Ordering::SeqCst) == 0 && !self.close.is_cancelled()
    }

    fn idle_since(&self) -> Instant {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While a request is being answered.
#[derive(Debug)]
pub(super) struct InUse(Arc<HttpConnection>);

impl Drop for InUse {
    fn drop(&mut self) {
        *self.0.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.requests.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `body`, whose connection is in use until all of it has been sent.
pub(super) fn keeping_in_use(body: Body, in_use: InUse) -> Body {
    Body::new(Sending { body, _in_use: in_use })
}

struct Sending {
    body: Body,
    _in_use: InUse,
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that fails when its peer takes nothing for `timeout` although there is something to write.
pub(super) struct WriteTimeout<S> {
    stream: S,
    timeout: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteTimeout<S> {
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        Self {
            stream,
            timeout,
            waiting: None,
        }
    }

    fn limit<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let timeout = self.timeout;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.limit(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.limit(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.limit(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
