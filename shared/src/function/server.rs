//! Accepts connections, and stops in order.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use super::Settings;
use super::handler::Handler;

/// How long to wait after `accept` fails, which it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => spawn_connection(stream, settings, &handler, &connections),
                Err(e) => {
                    tracing::warn!("could not accept a connection: {e}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    handler.shutdown.request();
    handler.running.close();
    let drained = async {
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

fn spawn_connection(stream: TcpStream, settings: &Settings, handler: &Handler, connections: &GracefulShutdown) {
    // Answers are small and whole: waiting to fill a packet only adds delay.
    let _ = stream.set_nodelay(true);
    let handler = handler.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(handler.handle(request.map(Body::new)).await) }
    });
    // HTTP/1 alone: it is what Cloud Run speaks to a container by default, and its timeout for the
    // request's head covers the very first byte.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.read_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(e) = connection.await {
            tracing::debug!("a connection ended early: {e}");
        }
    });
}
