//! Webhooks: who wants which events, and what became of each delivery.
//!
//! Each hook has its deliveries one after the other and never again: GitLab does not repeat what failed.

mod request;
mod sign;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::lock;
use crate::changes::Made;
use crate::data::World;
use crate::instant;
use crate::random::Random;
use crate::webhooks::{Event, events};
use request::Target;
use sign::SigningKey;

/// What a registration says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// `http` and this machine only.
    url: String,
    /// Goes along in `X-Gitlab-Token`.
    #[serde(default)]
    token: Option<String>,
    /// `whsec_` and Base64: signs each delivery.
    #[serde(default)]
    signing_token: Option<String>,
    /// By default all.
    #[serde(default)]
    events: Option<Vec<Event>>,
}

/// All hooks.
#[derive(Default)]
pub struct Hooks(Mutex<Vec<Hook>>);

struct Hook {
    id: usize,
    url: String,
    events: Vec<Event>,
    queue: UnboundedSender<Delivery>,
    log: Arc<Mutex<Log>>,
}

#[derive(Default, Serialize)]
struct Log {
    /// Not sent yet, or not answered.
    pending: usize,
    deliveries: Vec<Outcome>,
}

#[derive(Serialize)]
struct Outcome {
    event: Event,
    action: Option<String>,
    event_uuid: String,
    idempotency_key: String,
    /// The status of the answer; null if none came.
    status: Option<u16>,
    error: Option<String>,
    milliseconds: u64,
}

struct Delivery {
    event: Event,
    header: &'static str,
    action: Option<String>,
    /// The same for all hooks that get the event.
    event_uuid: String,
    /// `GitLab/` and the version.
    agent: String,
    /// One for each hook and event.
    key: String,
    body: String,
}

impl Hooks {
    /// Adds a hook; tells its id. Must be called within the runtime.
    ///
    /// # Errors
    /// A sentence if the address is not one of this machine or the signing token is none.
    pub fn add(&self, wanted: Wanted) -> Result<Value, String> {
        let target = Target::new(&wanted.url, wanted.token)?;
        let key = wanted.signing_token.as_deref().map(SigningKey::read).transpose()?;
        let (queue, mut deliveries) = unbounded_channel::<Delivery>();
        let log = Arc::<Mutex<Log>>::default();
        let mut hooks = lock(&self.0);
        let id = hooks.len() + 1;
        let uuid = uuid(id as u64, 1);
        hooks.push(Hook {
            id,
            url: wanted.url,
            events: wanted.events.unwrap_or_else(|| Event::ALL.to_vec()),
            queue,
            log: log.clone(),
        });
        tokio::spawn(async move {
            while let Some(delivery) = deliveries.recv().await {
                let start = Instant::now();
                let answer = target
                    .send(&headers(&delivery, &uuid, key.as_ref()), delivery.body)
                    .await;
                let mut log = lock(&log);
                log.pending -= 1;
                log.deliveries.push(Outcome {
                    event: delivery.event,
                    action: delivery.action,
                    event_uuid: delivery.event_uuid,
                    idempotency_key: delivery.key,
                    status: answer.as_ref().ok().copied(),
                    error: answer.err(),
                    milliseconds: start.elapsed().as_millis() as u64,
                });
            }
        });
        Ok(json!({ "id": id }))
    }

    /// Removes all hooks; what waits in their queues is still delivered.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Hooks and their deliveries, without any token.
    pub fn list(&self) -> Value {
        let hooks = lock(&self.0);
        let tell =
            |hook: &Hook| json!({"id": hook.id, "url": hook.url, "events": hook.events, "log": *lock(&hook.log)});
        let mut told: Vec<Value> = hooks.iter().map(tell).collect();
        for hook in &mut told {
            let log = hook["log"].take();
            hook["pending"] = log["pending"].clone();
            hook["deliveries"] = log["deliveries"].clone();
            hook.as_object_mut().map(|hook| hook.remove("log"));
        }
        Value::Array(told)
    }

    /// Hands out the events of a change that was just made.
    pub fn tell(&self, world: &World, made: &Made) {
        let hooks = lock(&self.0);
        if hooks.is_empty() {
            return;
        }
        for (place, (event, body)) in events(world, made).into_iter().enumerate() {
            let action = body["object_attributes"]["action"].as_str().map(str::to_owned);
            let event_uuid = uuid(world.changes, 2 + place as u64);
            let (header, body) = (event.header(&body), body.to_string());
            for hook in hooks.iter().filter(|hook| hook.events.contains(&event)) {
                let delivery = Delivery {
                    event,
                    header,
                    action: action.clone(),
                    event_uuid: event_uuid.clone(),
                    agent: format!("GitLab/{}", world.version.number()),
                    key: uuid(world.changes, ((2 + place) << 16 | hook.id) as u64),
                    body: body.clone(),
                };
                lock(&hook.log).pending += 1;
                // The worker lives as long as the hook.
                let _ = hook.queue.send(delivery);
            }
        }
    }
}

fn headers(delivery: &Delivery, hook: &str, key: Option<&SigningKey>) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("user-agent", delivery.agent.clone()),
        ("x-gitlab-event", delivery.header.to_owned()),
        ("x-gitlab-event-uuid", delivery.event_uuid.clone()),
        ("x-gitlab-webhook-uuid", hook.to_owned()),
        ("idempotency-key", delivery.key.clone()),
    ];
    if let Some(key) = key {
        let timestamp = (instant::now() / instant::SECOND).to_string();
        let signature = key.signature(&delivery.key, &timestamp, delivery.body.as_bytes());
        headers.push(("webhook-id", delivery.key.clone()));
        headers.push(("webhook-timestamp", timestamp));
        headers.push(("webhook-signature", signature));
    }
    headers
}

/// A UUID of version 4 that differs between runs.
fn uuid(number: u64, stream: u64) -> String {
    let random = &mut Random::of(instant::now().unsigned_abs(), stream, number);
    let (high, low) = (random.draw(), random.draw());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}
