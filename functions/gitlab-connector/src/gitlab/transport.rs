//! How requests get to GitLab, and how much of an answer is taken.

use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::gitlab::trust::trusting;

/// GitLab gives up on a query after 30 seconds (docs/gitlab.md#partial-data).
const TIMEOUT: Duration = Duration::from_secs(45);
/// The largest answer, after decompression. A few hundred KB can become more than an instance's memory.
const LARGEST: usize = 32 << 20;

/// What a test has instead of a GitLab: a request in, status, headers and body out.
#[cfg(test)]
pub type FakeTransport = Box<dyn Fn(&Call<'_>) -> (StatusCode, HeaderMap, Vec<u8>) + Send + Sync>;

/// The header of a fake answer that never comes to its end.
#[cfg(test)]
pub const DRIPS: &str = "x-drips";

/// What is sent.
pub enum Call<'a> {
    /// A GraphQL request's body.
    Query(&'a Value),
    /// The address of a page, below `/api/v4/`.
    Page(&'a str),
}

/// How requests get to GitLab.
pub enum Transport {
    Http {
        client: reqwest::Client,
        /// The GraphQL API's address.
        graphql: String,
        /// The REST API's address, with a slash at its end.
        rest: String,
    },
    #[cfg(test)]
    Fake(FakeTransport),
}

/// An answer of GitLab, or of something before it.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// `None`: it is too large.
    pub body: Option<Vec<u8>>,
}

impl Transport {
    /// To the GitLab at `base`, whose certificate may be in, or signed by one in, a PEM file.
    ///
    /// # Errors
    /// If the TLS library can't be started, or the file can't be used.
    pub fn new(base: &url::Url, trusted: Option<&Path>) -> Result<Self, String> {
        Self::within(TIMEOUT, base, trusted)
    }

    /// The same, of which each answer has to be whole in this time.
    fn within(timeout: Duration, base: &url::Url, trusted: Option<&Path>) -> Result<Self, String> {
        let address = |path: &str| {
            let mut address = base.clone();
            address.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
            address.to_string()
        };
        let builder = match trusted {
            Some(file) => reqwest::Client::builder().tls_backend_preconfigured(trusting(file)?),
            None => reqwest::Client::builder(),
        };
        let client = builder
            .user_agent(concat!("mergemind-gitlab-connector/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(timeout)
            // A redirect would carry the token elsewhere, and turn POST into GET.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self::Http {
            client,
            graphql: address("/api/graphql"),
            rest: address("/api/v4/"),
        })
    }

    /// Sends once.
    ///
    /// # Errors
    /// If there is no whole answer in time.
    pub async fn send(&self, call: &Call<'_>, token: &str) -> Result<Answer, reqwest::Error> {
        match self {
            Self::Http { client, graphql, rest } => {
                let request = match call {
                    Call::Query(body) => client.post(graphql).json(body),
                    Call::Page(path) => client.get(format!("{rest}{path}")),
                };
                let mut response = request.bearer_auth(token).send().await?;
                let (status, headers) = (response.status(), response.headers().clone());
                let mut body = Some(Vec::new());
                while let Some(chunk) = response.chunk().await? {
                    body = body.filter(|taken| taken.len() + chunk.len() <= LARGEST);
                    let Some(taken) = &mut body else { break };
                    taken.extend_from_slice(&chunk);
                }
                Ok(Answer { status, headers, body })
            }
            #[cfg(test)]
            Self::Fake(fake) => {
                let (status, headers, body) = fake(call);
                if headers.contains_key(DRIPS) {
                    std::future::pending::<()>().await;
                }
                let body = Some(body).filter(|body| body.len() <= LARGEST);
                Ok(Answer { status, headers, body })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[tokio::test]
    async fn an_answer_of_which_bytes_drip_in_for_ever_ends_at_its_time() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let _ = stream.read(&mut [0; 65_536]);
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
            // Until the caller has gone.
            let mut sent = stream.write_all(head.as_bytes());
            while sent.is_ok() {
                sent = stream.write_all(b" ");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let url = url::Url::parse(&url).expect("an address");
        let transport = Transport::within(Duration::from_millis(300), &url, None).expect("a client");
        let answer = transport.send(&Call::Page("version"), "glpat-some").await;
        assert!(answer.is_err_and(|error| error.is_timeout()));
    }
}
