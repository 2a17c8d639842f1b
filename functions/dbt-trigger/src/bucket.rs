//! Cloud Storage: the four requests that are needed of its JSON API.
//!
//! <https://cloud.google.com/storage/docs/json_api/v1/objects>. Google's own client is a good deal of gRPC
//! for four requests; its credentials are used.

use std::time::Duration;

use google_cloud_auth::credentials::{Builder, CacheableResource, Credentials};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use url::Url;

use crate::config::GcsUri;

const GOOGLE: &str = "https://storage.googleapis.com";
const PATIENCE: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 3;

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

impl Bucket {
    /// The bucket at `place`; `emulator` is the address of a stand-in that wants no credentials.
    ///
    /// # Errors
    /// If there are no Google credentials, or TLS can't be started.
    pub fn new(place: &GcsUri, emulator: Option<&Url>) -> Result<Self, String> {
        let credentials = match emulator {
            Some(_) => None,
            None => Some(Builder::default().build().map_err(|e| e.to_string())?),
        };
        let endpoint = emulator
            .cloned()
            .unwrap_or_else(|| Url::parse(GOOGLE).expect("a constant"));
        let http = reqwest::Client::builder().timeout(PATIENCE).build();
        Ok(Self {
            http: http.map_err(|e| e.to_string())?,
            endpoint,
            name: place.bucket.clone(),
            prefix: place.path.clone(),
            credentials,
        })
    }

    /// Writes an object.
    ///
    /// # Errors
    /// Why it could not be written, for people.
    pub async fn put(&self, object: &str, content_type: &str, body: Vec<u8>) -> Result<(), String> {
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
            .ok_or_else(|| format!("there is no bucket {}", self.name))
    }

    /// Reads an object; `None` if there is none.
    ///
    /// # Errors
    /// Why it could not be read, for people.
    pub async fn get(&self, object: &str) -> Result<Option<Vec<u8>>, String> {
        let mut url = self.object(object);
        url.set_query(Some("alt=media"));
        let Some(answer) = self.send(|| self.http.get(url.clone())).await? else {
            return Ok(None);
        };
        Ok(Some(answer.bytes().await.map_err(|e| e.to_string())?.to_vec()))
    }

    /// The object's version, which changes whenever it is written; `None` if there is no such object.
    ///
    /// # Errors
    /// Why it could not be asked for, for people.
    pub async fn generation(&self, object: &str) -> Result<Option<String>, String> {
        let mut url = self.object(object);
        url.set_query(Some("fields=generation"));
        let Some(answer) = self.send(|| self.http.get(url.clone())).await? else {
            return Ok(None);
        };
        let told: Value = answer.json().await.map_err(|e| e.to_string())?;
        let generation = told["generation"]
            .as_str()
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        generation
            .map(|text| Some(text.to_owned()))
            .ok_or_else(|| "the object has no generation".into())
    }

    /// The names of the objects in a folder, without the folder's; at most 1,000, as one answer has.
    ///
    /// # Errors
    /// Why they could not be asked for, for people.
    pub async fn names(&self, folder: &str) -> Result<Vec<String>, String> {
        let prefix = format!("{}/", self.full_name(folder));
        let mut url = self.url(&["storage", "v1", "b", &self.name, "o"]);
        url.query_pairs_mut()
            .append_pair("prefix", &prefix)
            .append_pair("fields", "items/name");
        let Some(answer) = self.send(|| self.http.get(url.clone())).await? else {
            return Ok(Vec::new());
        };
        let told: Value = answer.json().await.map_err(|e| e.to_string())?;
        let items = told["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names = items
            .iter()
            .filter_map(|item| item["name"].as_str()?.strip_prefix(&prefix));
        Ok(names.map(ToOwned::to_owned).collect())
    }

    /// `None` for 404.
    async fn send(&self, request: impl Fn() -> reqwest::RequestBuilder) -> Result<Option<Response>, String> {
        let mut attempt = 1;
        loop {
            let mut request = request();
            if let Some(credentials) = &self.credentials {
                let headers = credentials
                    .headers(axum::http::Extensions::new())
                    .await
                    .map_err(|e| e.to_string())?;
                if let CacheableResource::New { data, .. } = headers {
                    request = request.headers(data);
                }
            }
            let problem = match request.send().await {
                Ok(answer) if answer.status().is_success() => return Ok(Some(answer)),
                Ok(answer) if answer.status() == StatusCode::NOT_FOUND => return Ok(None),
                Ok(answer) if matches!(answer.status().as_u16(), 401 | 403) => {
                    return Err(format!(
                        "Cloud Storage refuses bucket {}: HTTP {}; give this function's service account the role Storage Object User",
                        self.name,
                        answer.status().as_u16()
                    ));
                }
                Ok(answer) => format!("Cloud Storage answers HTTP {}", answer.status().as_u16()),
                Err(e) => format!("Cloud Storage can't be reached: {}", e.without_url()),
            };
            if attempt == ATTEMPTS {
                return Err(problem);
            }
            tokio::time::sleep(Duration::from_millis(300 << attempt)).await;
            attempt += 1;
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
