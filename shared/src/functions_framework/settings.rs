//! Where a function listens, and its limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::connections;
use super::contract::SignatureType;
use crate::config::Env;

/// What the shim can be told. [`Settings::read`] takes it from the environment; a function may
/// then change its limits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub address: SocketAddr,
    /// The largest request body in bytes; 1 MiB.
    pub body_limit: usize,
    /// What is sent to the function.
    pub signature: SignatureType,
    /// The most open connections: 1,024, or three quarters of the files that the process may open if that is less.
    pub connections: usize,
    /// How long a request's head may take to arrive; 10 s.
    pub head_timeout: Duration,
    /// How long a request's body may take to arrive; 30 s.
    pub read_timeout: Duration,
    /// How long a caller may take nothing of an answer; 30 s.
    pub write_timeout: Duration,
    /// How long handlers may go on after the signal to stop: 8 s, because Cloud Run kills after 10
    /// and the function has things to put away after that.
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            body_limit: 1024 * 1024,
            signature: SignatureType::Http,
            connections: connections::most(),
            head_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(8),
        }
    }
}

impl Settings {
    /// Declares and reads `PORT`, `HOST`, `FUNCTION_TARGET` and `FUNCTION_SIGNATURE_TYPE`. `function` is the name of
    /// this program's function, and `signatures` what may be sent to it, the default first.
    pub fn read(env: &mut Env, function: &'static str, signatures: &'static [SignatureType]) -> Self {
        let signature = SignatureType::read(env, function, signatures);
        let port = env
            .number("PORT", "port to listen on; 0 picks a free one")
            .default(8080);
        let everywhere = env.is_set("K_SERVICE");
        let host = if everywhere {
            Ipv4Addr::UNSPECIFIED
        } else {
            Ipv4Addr::LOCALHOST
        };
        let host: String = env
            .string(
                "HOST",
                "address to listen on; on Cloud Run all of them, elsewhere the loopback one",
            )
            .check(|host| match host.parse::<IpAddr>() {
                Ok(_) => Ok(()),
                Err(_) => Err(format!("is '{host}'; it must be an IP address such as 127.0.0.1")),
            })
            .default(host.to_string());
        let host = host.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Self {
            address: SocketAddr::new(host, port),
            signature,
            ..Self::default()
        }
    }
}
