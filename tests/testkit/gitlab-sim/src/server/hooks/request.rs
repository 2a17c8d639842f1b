//! Posting one delivery.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::data::BASE_URL;

/// GitLab hangs up then.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where a hook's deliveries go.
pub struct Target {
    address: SocketAddr,
    host: String,
    path: String,
    token: Option<String>,
}

impl Target {
    /// # Errors
    /// A sentence if it is not an `http` address of this machine: nothing made up may leave it.
    pub fn new(url: &str, token: Option<String>) -> Result<Self, String> {
        let wrong =
            || "a hook's url must be http://127.0.0.1:<port>/<path> or another address of this machine".to_owned();
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        let ip = match host.trim_matches(['[', ']']) {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            literal => literal.parse::<IpAddr>().map_err(|_| wrong())?,
        };
        if uri.scheme_str() != Some("http") || !ip.is_loopback() {
            return Err(wrong());
        }
        let port = uri.port_u16().unwrap_or(80);
        Ok(Self {
            address: SocketAddr::new(ip, port),
            host: format!("{host}:{port}"),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            token,
        })
    }

    /// Posts a body; tells the status of the answer.
    ///
    /// # Errors
    /// A sentence if no answer came.
    pub async fn send(&self, headers: &[(&'static str, String)], body: String) -> Result<u16, String> {
        match tokio::time::timeout(TIMEOUT, self.post(headers, body)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} seconds", TIMEOUT.as_secs())),
        }
    }

    async fn post(&self, headers: &[(&'static str, String)], body: String) -> Result<u16, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|e| e.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| e.to_string())?;
        let driver = tokio::spawn(connection);
        let mut request = Request::post(&self.path)
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, "application/json")
            .header("x-gitlab-instance", BASE_URL);
        if let Some(token) = &self.token {
            request = request.header("x-gitlab-token", token);
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| "a token with characters that no header takes".to_owned())?;
        let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        // What it says does not matter, but it is read to the end as GitLab does.
        let _ = answer.into_body().collect().await;
        driver.abort();
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn nothing_leaves_the_machine() {
        for url in [
            "http://127.0.0.1:80/webhook",
            "http://[::1]:8080/",
            "http://localhost:1/a?b=c",
        ] {
            assert!(Target::new(url, None).is_ok(), "{url}");
        }
        for url in [
            "http://10.0.0.1/",
            "https://127.0.0.1/",
            "http://example.com/",
            "http://127.0.0.1.example.com/",
            "x",
        ] {
            assert!(Target::new(url, None).is_err(), "{url}");
        }
    }
}
