//! A receiver of webhooks.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// A delivery.
pub struct Post {
    /// By name in lower case; `request` is the first line.
    pub headers: BTreeMap<String, String>,
    pub raw: Vec<u8>,
}

impl Post {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.raw).expect("JSON")
    }
}

/// A receiver that answers every delivery with `status`.
pub fn receiver(status: u16) -> (SocketAddr, Receiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, posts) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let mut headers = BTreeMap::new();
            let mut line = String::new();
            reader.read_line(&mut line).expect("a request");
            headers.insert("request".to_owned(), line.trim().to_owned());
            loop {
                line.clear();
                reader.read_line(&mut line).expect("a header");
                let Some((name, value)) = line.trim().split_once(": ") else {
                    break;
                };
                headers.insert(name.to_lowercase(), value.to_owned());
            }
            let length = headers["content-length"].parse().expect("a number");
            let mut raw = vec![0; length];
            reader.read_exact(&mut raw).expect("a body");
            write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            .expect("an answer");
            if sender.send(Post { headers, raw }).is_err() {
                break;
            }
        }
    });
    (address, posts)
}

/// The next delivery; it must come soon.
pub fn next(posts: &Receiver<Post>) -> Post {
    posts.recv_timeout(Duration::from_secs(15)).expect("a delivery")
}
