//! Makes guessing slow, without making anybody wait who belongs.
//!
//! Failures of one address are answered one after the other, each after a wait that doubles. Whoever hangs up after a moment
//! learns as much from the silence, for who belongs is answered at once: only the length of tokens makes guessing hopeless.
//! Those who wait hold half of the function's connections at most.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::header::RETRY_AFTER;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ApiError;
use crate::functions_framework::most_connections;

/// The wait for the first failure, which doubles with each one that follows soon.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
/// One failure is forgotten in this time.
const FORGET: Duration = Duration::from_secs(1);
/// The longest that a refusal waits for those before it. Beyond that it is 429, after the same time.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest that anything costly waits for its turn.
const TURN_PATIENCE: Duration = Duration::from_secs(4);
/// How many addresses are remembered; those that come on top share one place.
const ADDRESSES: usize = 10_000;

/// Counts failures, for each address by itself.
#[derive(Debug)]
pub struct Throttle {
    addresses: Mutex<HashMap<Option<IpAddr>, Failures>>,
    /// The refusals that wait, the oldest first: each ends early when its sender is dropped.
    waiting: Mutex<VecDeque<oneshot::Sender<()>>>,
    /// How many may wait.
    places: usize,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::with_places(most_connections() / 2)
    }
}

/// The recent failures of one address.
#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
    /// When the last of them is answered.
    answered: Instant,
}

/// How long a failure has to wait.
struct Waits {
    /// Until those before it are answered.
    turn: Duration,
    /// Until it is answered itself.
    answer: Duration,
}

/// Somebody at an address, see [`Throttle::stranger`].
#[derive(Debug, Clone, Copy)]
pub struct Stranger<'a> {
    throttle: &'a Throttle,
    address: Option<IpAddr>,
}

impl Throttle {
    fn with_places(places: usize) -> Self {
        Self {
            addresses: Mutex::default(),
            waiting: Mutex::default(),
            places: places.max(1),
        }
    }

    /// Returns `refusal` of a caller at `address` when its turn comes, or 429 if too many of its failures wait, or of all.
    pub async fn refuse(&self, address: Option<IpAddr>, refusal: ApiError) -> ApiError {
        let wait = self.note(address).answer;
        let needed = self.place();
        tokio::select! {
            () = tokio::time::sleep(wait.min(PATIENCE)) => {}
            _ = needed => return too_many(),
        }
        if wait <= PATIENCE {
            return refusal;
        }
        too_many()
    }

    /// A place among those who wait; what is returned resolves when it is needed by another one.
    fn place(&self) -> oneshot::Receiver<()> {
        let (held, needed) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|other| !other.is_closed());
        if waiting.len() >= self.places {
            waiting.pop_front();
        }
        waiting.push_back(held);
        needed
    }

    /// Whoever is at `address`, before it is known who that is.
    #[must_use]
    pub fn stranger(&self, address: Option<IpAddr>) -> Stranger<'_> {
        Stranger {
            throttle: self,
            address,
        }
    }

    /// Notes a failure; how long it and its answer have to wait.
    fn note(&self, address: Option<IpAddr>) -> Waits {
        let now = Instant::now();
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut address = address.map(network);
        if addresses.len() >= ADDRESSES && !addresses.contains_key(&address) {
            addresses.retain(|_, failures| failures.remembered(now) > 0);
            if addresses.len() >= ADDRESSES {
                address = None;
            }
        }
        let failures = addresses.entry(address).or_insert(Failures {
            count: 0,
            last: now,
            answered: now,
        });
        let count = failures.remembered(now);
        let step = FIRST.saturating_mul(1 << count.min(10)).min(LONGEST);
        // Who does not wait for answers does not push them ever further away.
        let turn = failures.answered.max(now);
        let answered = (turn + step).min(now + PATIENCE + LONGEST);
        *failures = Failures {
            count: (count + 1).min(20),
            last: now,
            answered,
        };
        Waits {
            turn: turn - now,
            answer: answered - now,
        }
    }
}

impl Stranger<'_> {
    /// Waits for the turn of what costs much time before it is known whose it is. It counts as a failure until it is
    /// [forgiven](Stranger::forgive), so that nobody has it done for nothing by breaking off.
    ///
    /// # Errors
    /// 429 if too many of the address wait.
    pub async fn take_turn(&self) -> Result<(), ApiError> {
        let wait = self.throttle.note(self.address).turn;
        if wait > TURN_PATIENCE {
            return Err(too_many());
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// It was no failure.
    pub fn forgive(&self) {
        let mut addresses = self.throttle.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failures) = addresses.get_mut(&self.address.map(network)) {
            failures.count = failures.count.saturating_sub(1);
        }
    }
}

/// For an address with too many failures.
fn too_many() -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_attempts",
        "too many calls with a wrong token or none",
    )
    .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
}

impl Failures {
    /// Those that are not forgotten by now.
    fn remembered(&self, now: Instant) -> u32 {
        if self.answered > now {
            return self.count.max(1);
        }
        let forgotten = now.duration_since(self.last.max(self.answered)).as_secs() / FORGET.as_secs();
        self.count.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }
}

/// Whose failures a request's are: the address of its connection. On Cloud Run (`is_on_cloud_run`) every connection is of
/// Google's front end, which adds its caller's address to `X-Forwarded-For`, at the end; what stands before it may be
/// anything.
pub fn address_of(extensions: &Extensions, headers: &HeaderMap, is_on_cloud_run: bool) -> Option<IpAddr> {
    if is_on_cloud_run {
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
        let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        if let Some(address) = last.and_then(|address| address.trim().parse().ok()) {
            return Some(address);
        }
    }
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(peer.ip())
}

/// What one caller has for itself: an address of version 4, or a network of 64 bits of version 6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    #[tokio::test(start_paused = true)]
    async fn failures_are_slowed_and_forgotten() {
        let throttle = Throttle::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = throttle.note(HERE).answer;
            waits.push(wait.as_millis());
            tokio::time::sleep(wait).await;
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(throttle.note(None).answer, FIRST, "another address has its own");
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(throttle.note(HERE).answer, FIRST);
    }

    #[tokio::test(start_paused = true)]
    async fn what_costs_much_is_done_for_an_address_by_turns_until_it_shows_whose_it_is() {
        let throttle = Throttle::default();
        let stranger = throttle.stranger(HERE);
        for _ in 0..20 {
            let asked = Instant::now();
            stranger.take_turn().await.expect("a turn");
            assert_eq!(asked.elapsed(), Duration::ZERO, "who belongs does not wait");
            stranger.forgive();
            tokio::time::sleep(FIRST).await;
        }
        let begun = Instant::now();
        let turns = (0..100).map(|_| stranger.take_turn());
        let turns = futures::future::join_all(turns).await;
        let done = turns.iter().filter(|turn| turn.is_ok()).count();
        assert!((3..=8).contains(&done), "{done} of a hundred at once");
        assert!(turns.iter().flatten().count() == done && begun.elapsed() <= TURN_PATIENCE + FIRST);
        throttle
            .stranger(None)
            .take_turn()
            .await
            .expect("others have their own turns");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_learns_nothing_at_once() {
        let throttle = Arc::new(Throttle::with_places(300));
        let begun = Instant::now();
        let attempts: Vec<_> = (0..300)
            .map(|_| {
                let throttle = throttle.clone();
                tokio::spawn(async move {
                    let refused = throttle.refuse(HERE, ApiError::unauthorized("no")).await;
                    (refused.status().as_u16(), begun.elapsed())
                })
            })
            .collect();
        let mut answers = Vec::new();
        for attempt in attempts {
            answers.push(attempt.await.expect("an answer"));
        }
        let within = |time: Duration| answers.iter().filter(|(_, after)| *after < time).count();
        assert_eq!(within(Duration::from_secs(1)), 4, "50, 150, 350 and 750 ms");
        assert!(within(PATIENCE) <= 10, "{}", within(PATIENCE));
        assert_eq!(
            answers.iter().filter(|(status, _)| *status == 429).count() + within(PATIENCE),
            300
        );
        let other = throttle.note(Some(IpAddr::from([10, 0, 0, 1]))).answer;
        assert_eq!(other, FIRST, "nobody else waits for them");
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_leave_places_for_who_belongs() {
        let throttle = Throttle::with_places(10);
        let begun = Instant::now();
        let refusals = (0..30u8).map(|number| {
            let throttle = &throttle;
            async move {
                let from = Some(IpAddr::from([10, 0, 0, number]));
                let refused = throttle.refuse(from, ApiError::unauthorized("no")).await;
                (refused.status().as_u16(), begun.elapsed())
            }
        });
        let answers = futures::future::join_all(refusals).await;
        let (early, waited) = answers.split_at(20);
        assert!(
            early.iter().all(|answer| *answer == (429, Duration::ZERO)),
            "the oldest make room: {early:?}"
        );
        assert!(
            waited.iter().all(|(status, after)| *status == 401 && *after >= FIRST),
            "{waited:?}"
        );
    }

    #[test]
    fn a_caller_with_many_addresses_of_version_6_is_one() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }

    #[test]
    fn only_what_google_wrote_tells_whose_a_request_is() {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
        let mut headers = HeaderMap::new();
        for forwarded in ["10.9.9.9", "10.9.9.9, 192.0.2.7"] {
            headers.append("x-forwarded-for", HeaderValue::from_static(forwarded));
        }
        assert_eq!(address_of(&extensions, &headers, false), HERE);
        assert_eq!(
            address_of(&extensions, &headers, true),
            Some(IpAddr::from([192, 0, 2, 7]))
        );
        assert_eq!(address_of(&extensions, &HeaderMap::new(), true), HERE);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_of_addresses_has_an_end() {
        let throttle = Throttle::default();
        for number in 0..ADDRESSES as u32 + 50 {
            throttle.note(Some(IpAddr::from(number.to_be_bytes())));
        }
        assert!(throttle.addresses.lock().expect("a lock").len() <= ADDRESSES + 1);
    }
}
