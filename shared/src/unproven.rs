//! Bodies that show by themselves who sent them: they are read before that is known, so they are small, have little time,
//! and few take their time at once.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::ApiError;
use crate::functions_framework::read_body_up_to;

/// The largest such body that is kept: what Fivetran sends is a few KiB.
pub const LIMIT: usize = 64 * 1024;
/// How long one may take to arrive, unless the function says otherwise.
const PATIENCE: Duration = Duration::from_secs(5);
/// A body that arrives within this time, as all do that are sent with their head, needs no place.
const AT_ONCE: Duration = Duration::from_millis(200);
/// How many slower ones are read at once.
const PLACES: usize = 16;
/// A place is its holder's for this long, even if others wait.
const LEAST: Duration = Duration::from_millis(300);
/// How many large bodies are read at once: each costs the time of its hash.
const LARGE_PLACES: usize = 2;
/// A large one's place is its own for this long.
const LARGE_LEAST: Duration = Duration::from_secs(2);
/// How often it is looked for the slowest one while others wait.
const LOOK: Duration = Duration::from_millis(50);

/// The bodies that are being read.
#[derive(Debug)]
pub struct UnprovenBodies {
    patience: Duration,
    at_once: Duration,
    least: Duration,
    places: Semaphore,
    readers: Mutex<Readers>,
}

#[derive(Debug, Default)]
struct Readers {
    /// In the order in which they got their places.
    by_age: BTreeMap<u64, (Instant, CancellationToken)>,
    next: u64,
}

/// A place; given up when dropped.
struct Seat<'a> {
    number: u64,
    cut_off: CancellationToken,
    bodies: &'a UnprovenBodies,
    _permit: SemaphorePermit<'a>,
}

impl Default for UnprovenBodies {
    fn default() -> Self {
        Self::new(PATIENCE)
    }
}

impl UnprovenBodies {
    /// Gives each `patience` to arrive.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            at_once: AT_ONCE,
            least: LEAST,
            places: Semaphore::new(PLACES),
            readers: Mutex::default(),
        }
    }

    /// For what is larger than [`LIMIT`] and nevertheless read: two at a time, however fast they come.
    #[must_use]
    pub fn large(patience: Duration) -> Self {
        Self {
            at_once: Duration::ZERO,
            least: LARGE_LEAST,
            places: Semaphore::new(LARGE_PLACES),
            ..Self::new(patience)
        }
    }

    /// Reads a body whole.
    ///
    /// # Errors
    /// 413 above 64 KiB; otherwise as [`UnprovenBodies::wait_for`].
    pub async fn read(&self, body: Body) -> Result<Bytes, ApiError> {
        self.wait_for(read_body_up_to(body, LIMIT)).await
    }

    /// Waits for `reading`, which reads a body and keeps little of it.
    ///
    /// # Errors
    /// 408 if it takes too long, or is the slowest when another one needs its place; 503 if no place became
    /// free; otherwise its own.
    pub async fn wait_for<T>(&self, reading: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let mut reading = pin!(reading);
        if !self.at_once.is_zero()
            && let Ok(read) = timeout(self.at_once, &mut reading).await
        {
            return read;
        }
        let place = timeout(self.patience, self.place()).await.map_err(|_| busy())?;
        tokio::select! {
            read = reading => read,
            () = place.cut_off.cancelled() => Err(too_slow()),
            () = sleep(self.patience) => Err(too_slow()),
        }
    }

    /// Waits for a place, and cuts off whoever has had one for the longest time.
    async fn place(&self) -> Seat<'_> {
        loop {
            if let Ok(permit) = self.places.try_acquire() {
                let mut readers = self.readers();
                let (number, cut_off) = (readers.next, CancellationToken::new());
                readers.next += 1;
                readers.by_age.insert(number, (Instant::now(), cut_off.clone()));
                return Seat {
                    number,
                    cut_off,
                    bodies: self,
                    _permit: permit,
                };
            }
            if let Some((since, cut_off)) = self.readers().by_age.values().next()
                && since.elapsed() >= self.least
            {
                cut_off.cancel();
            }
            sleep(LOOK).await;
        }
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.bodies.readers().by_age.remove(&self.number);
    }
}

fn too_slow() -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "body_timeout",
        "the request's body came too slowly",
    )
}

fn busy() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "too many slow webhook calls at once",
    )
    .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::stream;

    use super::*;

    /// A body of which one byte comes, and then nothing.
    fn endless() -> Body {
        use futures::StreamExt;
        let first = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{")) });
        Body::from_stream(first.chain(stream::pending()))
    }

    /// A body that is whole after `wait`.
    fn late(wait: Duration) -> Body {
        Body::from_stream(stream::once(async move {
            sleep(wait).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b"{}"))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn slow_strangers_keep_nobody_out() {
        let bodies = Arc::new(UnprovenBodies::default());
        let begun = Instant::now();
        let strangers: Vec<_> = (0..40)
            .map(|_| {
                let bodies = bodies.clone();
                tokio::spawn(async move { bodies.read(endless()).await.expect_err("too slow").status() })
            })
            .collect();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(bodies.read(Body::from("{}")).await.expect("read"), "{}");
        assert_eq!(begun.elapsed(), Duration::from_secs(1), "it waited for nobody");
        assert_eq!(bodies.read(late(AT_ONCE * 2)).await.expect("read"), "{}");
        for stranger in strangers {
            let status = stranger.await.expect("an answer");
            assert!([408, 503].contains(&status.as_u16()), "{status}");
        }
        assert!(begun.elapsed() < PATIENCE * 2 + AT_ONCE * 2, "{:?}", begun.elapsed());
        assert_eq!(bodies.readers().by_age.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn large_ones_are_refused() {
        let bodies = UnprovenBodies::default();
        assert_eq!(
            bodies.read(Body::from(vec![0; LIMIT])).await.expect("read").len(),
            LIMIT
        );
        let refused = bodies.read(Body::from(vec![0; LIMIT + 1])).await;
        assert_eq!(refused.expect_err("too large").status(), 413);
    }
}
