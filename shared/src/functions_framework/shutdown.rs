//! Telling everyone that it is time to stop.

use tokio_util::sync::CancellationToken;

/// Whether the function is stopping; cheap to clone, in the extensions of every request.
///
/// ```no_run
/// # async fn page() {}
/// # async fn long_work(shutdown: mergemind_shared::functions_framework::Shutdown) {
/// while !shutdown.requested() {
///     tokio::select! {
///         () = shutdown.wait() => break,
///         () = page() => {}
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Whether the function was told to stop.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the function is told to stop.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }

    /// Tells everyone to stop.
    pub fn request(&self) {
        self.0.cancel();
    }
}

/// Waits for SIGTERM (Cloud Run, `docker stop`) or SIGINT (Ctrl-C).
///
/// A second signal ends the process at once: someone is waiting for it.
///
/// # Panics
/// If the process may not install signal handlers, which only a broken system refuses.
pub async fn signal() {
    let name = one_signal().await;
    tracing::info!("{name}: stopping");
    tokio::spawn(async {
        let name = one_signal().await;
        tracing::warn!("{name} again: not waiting any longer");
        std::process::exit(130);
    });
}

async fn one_signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT can be handled");
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
