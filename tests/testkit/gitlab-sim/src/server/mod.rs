//! The HTTP server: GitLab's API, and beside it `/_sim`, where tests look behind the scenes.

mod api;
mod call;
mod control;
mod damage;
mod faults;
mod hooks;
mod mangle;
mod payload;
mod rate;
mod replica;
mod stats;
mod wire;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::data::World;
use crate::graphql::Api;
use crate::journal::Journal;
use call::{Call, Reply};
use faults::Faults;
use hooks::Hooks;
use rate::Rate;
use replica::Replica;
use stats::Stats;
use wire::Wire;

/// What every request shares.
pub struct State {
    world: RwLock<World>,
    replica: Replica,
    api: Api,
    journal: Mutex<Journal>,
    tokens: Vec<String>,
    stats: Mutex<Stats>,
    faults: Mutex<Faults>,
    /// The newest page of each query, while a fault may repeat it.
    pages: Mutex<HashMap<Vec<String>, Bytes>>,
    hooks: Hooks,
    rate: Mutex<Rate>,
}

impl State {
    /// `tokens` are let in; `rate_limit` is in requests a minute, 0 for none.
    pub fn new(world: World, journal: Journal, tokens: Vec<String>, rate_limit: u64) -> Arc<Self> {
        Arc::new(Self {
            api: Api::new(world.enterprise, world.version),
            world: RwLock::new(world),
            replica: Replica::none(),
            journal: Mutex::new(journal),
            tokens,
            stats: Mutex::default(),
            faults: Mutex::default(),
            pages: Mutex::default(),
            hooks: Hooks::default(),
            rate: Mutex::new(Rate::new(rate_limit)),
        })
    }

    /// The world as GitLab's API shows it, which may lag behind.
    fn world(&self) -> RwLockReadGuard<'_, World> {
        self.replica.read().unwrap_or_else(|| self.primary())
    }

    /// The world as it is.
    fn primary(&self) -> RwLockReadGuard<'_, World> {
        reading(&self.world)
    }

    fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        writing(&self.world)
    }
}

/// Serves until it is dropped, and then ends every connection at once.
pub async fn serve(listener: TcpListener, state: Arc<State>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that is gone already, or no descriptor left for now: neither ends the server.
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                connections.spawn(connection(Wire::new(stream), state.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(wire: Wire, state: Arc<State>) {
    let breaker = wire.breaker();
    let service = service_fn(move |request| {
        let (state, breaker) = (state.clone(), breaker.clone());
        async move {
            let call = Call::read(request).await?;
            let reply = route(&state, call).await;
            reply.send(&breaker)
        }
    });
    // An error here is a client that hung up, or a fault that was asked for.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(wire), service)
        .await;
}

async fn route(state: &State, call: Call) -> Reply {
    if call.path == "/healthz" {
        return Reply::json(200, &serde_json::json!({"status": "ok", "service": "gitlab-sim"}));
    }
    match call.path.strip_prefix("/_sim/") {
        Some(rest) => control::answer(state, &call, rest),
        None => api::answer(state, &call).await,
    }
}

fn reading<T>(world: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    world.read().unwrap_or_else(PoisonError::into_inner)
}

fn writing<T>(world: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    world.write().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
