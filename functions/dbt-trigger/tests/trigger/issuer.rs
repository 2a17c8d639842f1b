//! An issuer of ID tokens with keys of its own, and the small HTTP servers that tests need.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

pub const AUDIENCE: &str = "https://dbt-trigger.example";
pub const ACCOUNT: &str = "scheduler@my-project.iam.gserviceaccount.com";

/// Bytes of PKCS#8 around the PKCS#1 key of 2048 bits, which is what jsonwebtoken takes.
const PKCS8_HEAD: usize = 26;

/// A server that answers with whatever is set for a path.
pub struct Server {
    pub address: String,
    answers: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let answers: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let asked: Arc<AtomicUsize> = Arc::default();
        let (known, counter) = (answers.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let path = lines.next().unwrap_or_default();
                let path = path
                    .split(' ')
                    .nth(1)
                    .unwrap_or_default()
                    .split('?')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                for line in lines {
                    if line.is_empty() {
                        break;
                    }
                }
                counter.fetch_add(1, Ordering::SeqCst);
                let body = known.lock().expect("a lock").get(&path).cloned();
                let (status, body) = body.map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
            }
        });
        Self {
            address,
            answers,
            asked,
        }
    }

    pub fn set(&self, path: &str, body: &Value) {
        self.answers
            .lock()
            .expect("a lock")
            .insert(path.into(), body.to_string());
    }

    /// Answers 404 for a path from now on.
    pub fn forget(&self, path: &str) {
        self.answers.lock().expect("a lock").remove(path);
    }

    /// How many requests came so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// One key of an issuer.
pub struct Key {
    id: &'static str,
    key: EncodingKey,
}

impl Key {
    pub fn new(id: &'static str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = pair.as_der().expect("its form");
        Self {
            id,
            key: EncodingKey::from_rsa_der(&der.as_ref()[PKCS8_HEAD..]),
        }
    }

    /// As an issuer publishes it.
    pub fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::RS256).expect("a public key");
        jwk.common.key_id = Some(self.id.into());
        json!(jwk)
    }

    /// A token that is good for an hour, but for `changes`.
    pub fn token(&self, changes: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        let mut claims = json!({"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": ACCOUNT, "email_verified": true,
            "sub": "1", "iat": now, "exp": now + 3_600});
        for (name, value) in changes.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.id.into());
        encode(&header, &claims, &self.key).expect("a token")
    }
}
