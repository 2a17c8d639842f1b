//! Accepts connections, and stops in order.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use super::Settings;
use super::connections::{Connections, WriteTimeout, keeping_in_use};
use super::handler::Handler;

/// How long to wait after `accept` fails, which it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many may have connected without being accepted: what tokio asks the system for.
const BACKLOG: usize = 1024;

/// How long a connection may take until its first bytes are read, when the function stops.
const FIRST_READ: Duration = Duration::from_millis(100);

pub(super) async fn serve(
    name: &'static str,
    listener: TcpListener,
    settings: &Settings,
    handler: Handler,
    stop: impl Future<Output = ()>,
) {
    if let Ok(address) = listener.local_addr() {
        tracing::info!("{name} listens on http://{address}");
    }
    let connections = GracefulShutdown::new();
    let open = Connections::new(settings.connections);
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let stopping = tokio::select! {
                        () = open.room() => false,
                        () = &mut stop => true,
                    };
                    spawn_connection(stream, peer, settings, &handler, &connections, &open);
                    if stopping {
                        break;
                    }
                }
                Err(e) => {
                    tracing::warn!("could not accept a connection: {e}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    for (stream, peer) in connected_already(listener) {
        spawn_connection(stream, peer, settings, &handler, &connections, &open);
    }
    handler.shutdown.request();
    handler.running.close();
    let drained = async {
        // hyper closes a connection of which it has read nothing yet, though its request may be there already.
        tokio::time::sleep(FIRST_READ).await;
        tokio::join!(connections.shutdown(), handler.running.wait());
    };
    if tokio::time::timeout(settings.drain, drained).await.is_err() {
        let left = handler.running.len();
        tracing::warn!(
            "{name} stops with {left} requests still running after {:?}",
            settings.drain
        );
    }
}

/// Closes `listener` and takes whoever has connected to it by now, who would be cut off otherwise.
fn connected_already(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else {
        return Vec::new();
    };
    let accepted = std::iter::from_fn(|| listener.accept().ok()).take(BACKLOG);
    let streams = accepted.filter_map(|(stream, peer)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    });
    streams.collect()
}

fn spawn_connection(
    stream: TcpStream,
    peer: SocketAddr,
    settings: &Settings,
    handler: &Handler,
    connections: &GracefulShutdown,
    all: &Connections,
) {
    // Answers are small and whole: waiting to fill a packet only adds delay.
    let _ = stream.set_nodelay(true);
    let stream = WriteTimeout::new(stream, settings.write_timeout);
    let open = all.add();
    let (handler, counted) = (handler.clone(), open.connection());
    let service = service_fn(move |request: Request<Incoming>| {
        let (handler, in_use) = (handler.clone(), counted.clone().in_use());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        async move {
            let response = handler.handle(request).await;
            Ok::<_, Infallible>(response.map(|body| keeping_in_use(body, in_use)))
        }
    });
    // HTTP/1 alone: it is what Cloud Run speaks to a container by default, and its timeout for the
    // request's head covers the very first byte.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            ended = connection => if let Err(e) = ended {
                tracing::debug!("a connection ended early: {e}");
            },
            () = open.closed() => tracing::debug!("a connection without a request was closed to make room"),
        }
    });
}
