//! The function's routes in this process, with a queue that nobody works on.

use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Request, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mergemind_shared::config::Env;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{FIVETRAN, PREVIOUS, TOKEN};
use crate::api;
use crate::auth::fivetran::{SIGNATURE, tests::sign};
use crate::config::Config;
use crate::queue::Queue;
use crate::records::Artifacts;
use crate::request::RunRequest;
use crate::run::CalledBy;
use crate::testing::empty_project;

/// What is written where no caller may look.
pub const BURIED: &str = "buried-next-to-the-artifacts";

pub struct World {
    pub router: Router,
    pub queue: Queue,
    /// A run that waits, and one of an earlier process; both have artifacts.
    pub run_ids: [String; 2],
    _project: TempDir,
    _folder: TempDir,
}

impl World {
    pub fn new() -> Self {
        let project = empty_project();
        let folder = tempfile::tempdir().expect("a folder");
        let queue = Queue::new(CancellationToken::new());
        let asked = CalledBy {
            source: "<script>alert(1)</script>".into(),
            caller: "token".into(),
        };
        let waiting = queue.submit(&RunRequest::default(), asked).expect("room");
        let run_ids = [waiting.run_id.clone(), uuid::Uuid::now_v7().to_string()];
        let kept = folder.path().join("kept");
        let write = |path: PathBuf, text: &str| {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        };
        for run_id in &run_ids {
            let here = kept.join(run_id);
            write(here.join("manifest.json"), "{}");
            write(here.join("run.json"), r#"{"status":"success"}"#);
            write(here.join("other.json"), BURIED);
        }
        write(kept.join("manifest.json"), BURIED);
        write(folder.path().join("run.json"), BURIED);
        let directory = project.path().to_str().expect("unicode");
        let mut env = Env::from_map([
            ("AUTH_TOKEN", TOKEN),
            ("AUTH_TOKEN_PREVIOUS", PREVIOUS),
            ("FIVETRAN_WEBHOOK_SECRET", FIVETRAN),
            ("DBT_PROJECT_DIR", directory),
            ("DBT_TARGETS", "prod,dev"),
        ]);
        let config = Config::read(&mut env);
        env.finish().expect("a sound configuration");
        let artifacts = Artifacts::new(Some(kept), folder.path().join("cache"), None);
        Self {
            router: api::router(config, queue.clone(), artifacts, None).expect("routes"),
            queue,
            run_ids,
            _project: project,
            _folder: folder,
        }
    }

    /// How many runs have been asked for.
    pub fn runs(&self) -> usize {
        self.queue.runs().last(usize::MAX).len()
    }
}

/// A request's text with the right signature, the known runs and the token in the places that are kept for them.
pub fn fill(text: &[u8], [waiting, old]: &[String; 2]) -> Vec<u8> {
    let begin = fuzz::request::body_of(text);
    let (head, body) = text.split_at(begin);
    let Ok(head) = std::str::from_utf8(head) else {
        return text.to_vec();
    };
    let head = head
        .replace("{{sign}}", &sign(body, FIVETRAN))
        .replace("{{run}}", waiting)
        .replace("{{old}}", old)
        .replace("{{token}}", TOKEN)
        .replace("{{basic}}", &STANDARD.encode(format!("me:{PREVIOUS}")));
    [head.as_bytes(), body].concat()
}

/// How a request shows that it may do something, judged by other means than the function's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Nothing,
    Bearer,
    Password,
    SignatureType,
}

/// What `request` shows for `body`.
pub fn shown(request: &Request<Vec<u8>>) -> Shown {
    let headers = request.headers();
    // Fivetran's webhook knows nothing but its signature, and a signature counts alone.
    let is_order = *request.method() == Method::POST && request.uri().path() == "/";
    if request.uri().path() == "/fivetran" || is_order && headers.contains_key(SIGNATURE) {
        let right =
            single(headers, SIGNATURE).is_some_and(|text| text.to_uppercase() == sign(request.body(), FIVETRAN));
        return if right { Shown::SignatureType } else { Shown::Nothing };
    }
    let Some(text) = single(headers, AUTHORIZATION.as_str()) else {
        return Shown::Nothing;
    };
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    let known = |token: &str| [TOKEN, PREVIOUS].contains(&token.trim_matches([' ', '\t']));
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" if known(rest) => Shown::Bearer,
        "basic" => {
            let pair = STANDARD.decode(rest.trim()).unwrap_or_default();
            // A name may be any bytes.
            let password = pair.splitn(2, |byte| *byte == b':').nth(1);
            match password.and_then(|password| std::str::from_utf8(password).ok()) {
                Some(password) if known(password) => Shown::Password,
                _ => Shown::Nothing,
            }
        }
        _ => Shown::Nothing,
    }
}

/// A header that is there once, as text.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    std::str::from_utf8(value.as_bytes()).ok().map(str::trim)
}

/// The whole answer.
pub async fn whole(response: Response<Body>) -> (u16, String, Vec<u8>) {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    (parts.status.as_u16(), format!("{:?}", parts.headers), body.to_vec())
}
