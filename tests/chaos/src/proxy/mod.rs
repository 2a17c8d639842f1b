//! Proxies between the functions and the warehouse that lose, delay and refuse what passes through them.

mod moods;
mod rest;
mod storage;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use local_stack::Failed;
use tokio::net::{TcpListener, TcpStream};
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
        let (upstream, known) = (before(ports.0), moods.clone());
        runtime.spawn(serve(rest, move |client| rest::one(client, upstream, known.clone())));
        let (upstream, known) = (before(ports.1), moods.clone());
        runtime.spawn(serve(storage, move |client| {
            storage::one(client, upstream, known.clone())
        }));
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

/// Has `one` serve each connection, until it is dropped.
async fn serve<F>(listener: TcpListener, one: impl Fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        if let Ok((client, _)) = listener.accept().await {
            tokio::spawn(one(client));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use local_stack::http;
    use serde_json::json;

    use super::*;

    /// A warehouse that answers everything with `{}`; how many requests it has got.
    fn warehouse() -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let got = Arc::new(AtomicUsize::new(0));
        let counted = got.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut bytes = vec![0; 4096];
                let length = stream.read(&mut bytes).unwrap_or(0);
                assert!(String::from_utf8_lossy(&bytes[..length]).contains("Connection: close"));
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
            }
        });
        (port, got)
    }

    #[test]
    fn each_mood_of_rest_is_what_it_says() {
        let (port, got) = warehouse();
        let proxies = Proxies::start((port, port)).expect("proxies");
        let ask = |mood: Option<Mood>| {
            proxies
                .moods
                .set(1, mood.map(|mood| (mood, 1000)).into_iter().collect(), Vec::new());
            let before = got.load(Ordering::SeqCst);
            let answer = http::post(&proxies.addresses.rest, None, &json!({"a": 1}));
            (
                answer.ok().map(|(status, _)| status),
                got.load(Ordering::SeqCst) - before,
            )
        };
        assert_eq!(ask(None), (Some(200), 1));
        assert_eq!(ask(Some(Mood::Refuse(503))), (Some(503), 0));
        assert_eq!(ask(Some(Mood::ResetBefore)), (None, 0));
        assert_eq!(ask(Some(Mood::ResetAfter)), (None, 1));
        assert_eq!(ask(Some(Mood::Slow(10))), (Some(200), 1));
        let done = proxies.moods.take_done();
        assert_eq!(done.len(), 4, "{done:?}");
    }

    #[test]
    fn a_grpc_connection_is_passed_on_or_reset() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut bytes = [0; 4];
                while stream.read_exact(&mut bytes).is_ok() && stream.write_all(&bytes).is_ok() {}
            }
        });
        let proxies = Proxies::start((port, port)).expect("proxies");
        let address = proxies.addresses.storage.trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&address).expect("connects");
        let echo = |stream: &mut TcpStream| {
            stream.write_all(b"ping")?;
            stream.read_exact(&mut [0; 4])
        };
        echo(&mut stream).expect("an echo");
        proxies.moods.set(1, Vec::new(), vec![(Mood::ResetAfter, 1000)]);
        let reset = echo(&mut stream).expect_err("a reset");
        assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    }
}
