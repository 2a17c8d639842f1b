//! Proxies between the functions and the warehouse that lose, delay and refuse what passes through them.

mod moods;
mod rest;
mod storage;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use local_stack::Failed;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::programs::Addresses;
pub use moods::{Mood, Moods};

/// The proxies before one warehouse.
pub struct Proxies {
    /// What they do to whom.
    pub moods: Arc<Moods>,
    /// Where they are.
    pub addresses: Addresses,
    /// Their threads; they end with it.
    _runtime: Runtime,
}

impl Proxies {
    /// Starts them before the warehouse on these ports, REST and gRPC.
    ///
    /// # Errors
    /// If there is no port left.
    pub fn start(ports: (u16, u16)) -> Result<Self, Failed> {
        let runtime = Runtime::new().map_err(|e| e.to_string())?;
        let moods = Arc::new(Moods::default());
        let listen = || -> Result<(TcpListener, String), Failed> {
            let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
            let listener = listener.map_err(|e| e.to_string())?;
            let address = listener.local_addr().map_err(|e| e.to_string())?;
            Ok((listener, format!("http://{address}")))
        };
        let before = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let ((rest, rest_url), (storage, storage_url)) = (listen()?, listen()?);
        runtime.spawn(rest::serve(rest, before(ports.0), moods.clone()));
        runtime.spawn(storage::serve(storage, before(ports.1), moods.clone()));
        Ok(Self {
            moods,
            addresses: Addresses {
                rest: rest_url,
                storage: storage_url,
            },
            _runtime: runtime,
        })
    }
}
