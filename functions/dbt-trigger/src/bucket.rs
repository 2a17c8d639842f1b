//! Cloud Storage: the four requests that are needed of its JSON API.
//!
//! <https://cloud.google.com/storage/docs/json_api/v1/objects>. Google's own client reads and writes objects by this API, but lists them
//! and asks for their generation by gRPC, which stand-ins for Cloud Storage do not speak; its credentials are used.

use std::time::Duration;

use google_cloud_auth::credentials::{Builder, CacheableResource, Credentials};
use mergemind_shared::retry::{Retryable, exponential};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use url::Url;

use crate::config::GcsUri;

const GOOGLE: &str = "https://storage.googleapis.com";
const PATIENCE: Duration = Duration::from_secs(60);
const ATTEMPTS: usize = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The largest object that is read whole.
const LIMIT: usize = 256 * 1024 * 1024;

/// A bucket, or the part of one below a prefix.
#[derive(Debug, Clone)]
pub struct Bucket {
    http: reqwest::Client,
    endpoint: Url,
    name: String,
    prefix: String,
    /// `None` for an emulator.
    credentials: Option<Credentials>,
}

/// Why Cloud Storage can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// The client can't be made.
    #[error("there is no client for Cloud Storage: {0}")]
    Client(String),
    /// Google's credentials are missing or not accepted.
    #[error("Google's credentials can't be had: {0}")]
    Credentials(String),
    /// This account may not do it.
    #[error(
        "Cloud Storage refuses bucket {bucket}: HTTP {status}; give this function's service account the role Storage Object User"
    )]
    Refused { bucket: String, status: u16 },
    /// There is no such bucket.
    #[error("there is no bucket {0}")]
    NoBucket(String),
    /// It failed, several times.
    #[error("Cloud Storage answers HTTP {0}")]
    Status(u16),
    /// It did not answer, several times.
    #[error("Cloud Storage can't be reached: {0}")]
    Unreachable(String),
    /// The answer broke off, or is not what is documented.
    #[error("Cloud Storage's answer can't be read: {0}")]
    Answer(String),
    /// The answer is larger than it may be.
    #[error("the object is larger than {0} bytes")]
    TooLarge(usize),
}

impl BucketError {
    fn answer(error: reqwest::Error) -> Self {
        Self::Answer(error.without_url().to_string())
    }
}

impl Bucket {
    /// The bucket at `uri`; `emulator` is the address of a stand-in that wants no credentials.
    ///
    /// # Errors
    /// If there are no Google credentials, or TLS can't be started.
    pub fn new(uri: &GcsUri, emulator: Option<&Url>) -> Result<Self, BucketError> {
        let credentials = match emulator {
            Some(_) => None,
            None => Some(
                Builder::default()
                    .build()
                    .map_err(|e| BucketError::Credentials(e.to_string()))?,
            ),
        };
        let endpoint = emulator
            .cloned()
            .unwrap_or_else(|| Url::parse(GOOGLE).expect("a constant"));
        let http = reqwest::Client::builder().timeout(PATIENCE).build();
        Ok(Self {
            http: http.map_err(|e| BucketError::Client(e.to_string()))?,
            endpoint,
            name: uri.bucket.clone(),
            prefix: uri.path.clone(),
            credentials,
        })
    }

    /// Writes an object.
    ///
    /// # Errors
    /// If Cloud Storage can't be asked, or refuses.
    pub async fn put(&self, object: &str, content_type: &str, body: Vec<u8>) -> Result<(), BucketError> {
        let mut url = self.url(&["upload", "storage", "v1", "b", &self.name, "o"]);
        url.query_pairs_mut()
            .append_pair("uploadType", "media")
            .append_pair("name", &self.full_name(object));
        let request = || {
            self.http
                .post(url.clone())
                .header("content-type", content_type)
                .body(body.clone())
        };
        self.send(request)
            .await?
            .map(|_| ())
            .ok_or_else(|| BucketError::NoBucket(self.name.clone()))
    }

    /// Reads an object; `None` if there is none.
    ///
    /// # Errors
    /// If Cloud Storage can't be asked, or refuses.
    pub async fn get(&self, object: &str) -> Result<Option<Vec<u8>>, BucketError> {
        let mut url = self.object(object);
        url.set_query(Some("alt=media"));
        let Some(answer) = self.send(|| self.http.get(url.clone())).await? else {
            return Ok(None);
        };
        let mut answer = answer;
        let mut content = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(BucketError::answer)? {
            if content.len() + chunk.len() > LIMIT {
                return Err(BucketError::TooLarge(LIMIT));
            }
            content.extend_from_slice(&chunk);
        }
        Ok(Some(content))
    }

    /// The object's version, which changes whenever it is written; `None` if there is no such object.
    ///
    /// # Errors
    /// If Cloud Storage can't be asked, or refuses.
    pub async fn generation(&self, object: &str) -> Result<Option<String>, BucketError> {
        let mut url = self.object(object);
        url.set_query(Some("fields=generation"));
        let Some(answer) = self.send(|| self.http.get(url.clone())).await? else {
            return Ok(None);
        };
        let told: Value = answer.json().await.map_err(BucketError::answer)?;
        let generation = told["generation"]
            .as_str()
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        generation
            .map(|text| Some(text.to_owned()))
            .ok_or_else(|| BucketError::Answer("the object has no generation".into()))
    }

    /// The names of the objects in a folder, without the folder's; at most 1,000, as one answer has.
    ///
    /// # Errors
    /// If Cloud Storage can't be asked, or refuses.
    pub async fn names(&self, folder: &str) -> Result<Vec<String>, BucketError> {
        let prefix = format!("{}/", self.full_name(folder));
        let mut url = self.url(&["storage", "v1", "b", &self.name, "o"]);
        url.query_pairs_mut()
            .append_pair("prefix", &prefix)
            .append_pair("fields", "items/name");
        let Some(answer) = self.send(|| self.http.get(url.clone())).await? else {
            return Ok(Vec::new());
        };
        let told: Value = answer.json().await.map_err(BucketError::answer)?;
        let items = told["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names = items
            .iter()
            .filter_map(|item| item["name"].as_str()?.strip_prefix(&prefix));
        Ok(names.map(ToOwned::to_owned).collect())
    }

    /// `None` for 404.
    async fn send(&self, request: impl Fn() -> reqwest::RequestBuilder) -> Result<Option<Response>, BucketError> {
        let send = || self.send_once(request());
        send.retry(exponential(FIRST_WAIT, ATTEMPTS))
            .when(|error| matches!(error, BucketError::Status(_) | BucketError::Unreachable(_)))
            .await
    }

    async fn send_once(&self, mut request: reqwest::RequestBuilder) -> Result<Option<Response>, BucketError> {
        if let Some(credentials) = &self.credentials {
            let headers = credentials.headers(axum::http::Extensions::new()).await;
            let headers = headers.map_err(|e| BucketError::Credentials(e.to_string()))?;
            if let CacheableResource::New { data, .. } = headers {
                request = request.headers(data);
            }
        }
        let answer = request.send().await;
        let answer = answer.map_err(|e| BucketError::Unreachable(e.without_url().to_string()))?;
        match answer.status() {
            status if status.is_success() => Ok(Some(answer)),
            StatusCode::NOT_FOUND => Ok(None),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(BucketError::Refused {
                bucket: self.name.clone(),
                status: status.as_u16(),
            }),
            status => Err(BucketError::Status(status.as_u16())),
        }
    }

    fn object(&self, object: &str) -> Url {
        self.url(&["storage", "v1", "b", &self.name, "o", &self.full_name(object)])
    }

    fn full_name(&self, object: &str) -> String {
        let name = format!("{}/{object}", self.prefix);
        name.trim_matches('/').to_owned()
    }

    /// A path whose segments are escaped: an object's name is one segment, slashes and all.
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

#[cfg(test)]
pub mod tests {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use axum::body::Bytes;
    use axum::extract::{Path, Query, State};
    use axum::response::IntoResponse;
    use axum::routing::{get, post};
    use axum::{Json, Router};
    use serde_json::json;

    use super::*;

    type Objects = Arc<Mutex<HashMap<String, Vec<u8>>>>;
    type Parameters = Query<HashMap<String, String>>;

    /// A Cloud Storage with one bucket, `b`; its address.
    pub async fn fake() -> Url {
        async fn put(State(objects): State<Objects>, Query(parameters): Parameters, body: Bytes) -> Json<Value> {
            objects
                .lock()
                .expect("a lock")
                .insert(parameters["name"].clone(), body.to_vec());
            Json(json!({}))
        }
        async fn read(
            State(objects): State<Objects>,
            Path(object): Path<String>,
            Query(parameters): Parameters,
        ) -> axum::response::Response {
            match objects.lock().expect("a lock").get(&object) {
                Some(content) if parameters.contains_key("alt") => content.clone().into_response(),
                Some(content) => Json(json!({"generation": content.len().to_string()})).into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            }
        }
        async fn list(State(objects): State<Objects>, Query(parameters): Parameters) -> Json<Value> {
            let objects = objects.lock().expect("a lock");
            let found = objects.keys().filter(|name| name.starts_with(&parameters["prefix"]));
            let items: Vec<_> = found.map(|name| json!({"name": name})).collect();
            // Without any there is no list, as at Google's.
            Json(if items.is_empty() {
                json!({})
            } else {
                json!({"items": items})
            })
        }
        let router = Router::new()
            .route("/upload/storage/v1/b/b/o", post(put))
            .route("/storage/v1/b/b/o", get(list))
            .route("/storage/v1/b/b/o/{object}", get(read))
            .with_state(Objects::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Url::parse(&format!("http://{address}")).expect("an address")
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_has_a_generation() {
        let emulator = fake().await;
        let bucket =
            |place: &str| Bucket::new(&GcsUri::parse(place).expect("valid"), Some(&emulator)).expect("a client");
        let runs = bucket("gs://b/runs");
        runs.put("1/a b.json", "application/json", b"{}".to_vec())
            .await
            .expect("written");
        assert_eq!(runs.get("1/a b.json").await, Ok(Some(b"{}".to_vec())));
        assert_eq!(
            bucket("gs://b").generation("runs/1/a b.json").await,
            Ok(Some("2".into()))
        );
        assert_eq!(runs.get("2/a b.json").await, Ok(None));
        runs.put("10/c.json", "application/json", Vec::new())
            .await
            .expect("written");
        assert_eq!(runs.names("1").await, Ok(vec!["a b.json".into()]));
        assert_eq!(runs.names("2").await, Ok(Vec::new()));
        assert!(bucket("gs://other").put("x", "text/plain", Vec::new()).await.is_err());
    }

    #[test]
    fn an_objects_name_is_one_segment() {
        let place = GcsUri::parse("gs://b/runs").expect("valid");
        let emulator = Url::parse("http://127.0.0.1:1").expect("valid");
        let bucket = Bucket::new(&place, Some(&emulator)).expect("a client");
        assert_eq!(
            bucket.object("1/a b.json").as_str(),
            "http://127.0.0.1:1/storage/v1/b/b/o/runs%2F1%2Fa%20b.json"
        );
    }
}
