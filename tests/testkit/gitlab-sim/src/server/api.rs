//! GitLab's own API.

use std::iter;

use hyper::Method;
use hyper::header::HOST;
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::damage::{done_to, status_reply, unauthorized};
use super::faults::Fault;
use super::{State, lock};
use crate::data::BASE_URL;
use crate::graphql::{self, Request};
use crate::instant::{self, Instant, SECOND};
use crate::poison::{self, Poison, Poisoned};
use crate::random::Random;
use crate::rest;

/// GitLab's limit for authenticated users.
const MAX_COMPLEXITY: u32 = 250;
const GRAPHQL: &str = "/api/graphql";

/// A reply, and whether it is data and nothing else.
type Outcome = (Reply, bool);

pub async fn answer(state: &State, call: &Call) -> Reply {
    let graphql = call.path == GRAPHQL;
    let body: Option<Value> = serde_json::from_slice(&call.body).ok();
    let names = match &body {
        Some(body) if graphql => operations(body),
        _ if graphql => vec!["-".to_owned()],
        _ => iter::once(call.path.clone())
            .chain(rest::template(&call.path).map(str::to_owned))
            .collect(),
    };
    let number = count(state, graphql, &names);
    let (fault, wait, bytes_per_second, token, repeats, clock_ahead, poisoned) = {
        let mut faults = lock(&state.faults);
        let token = faults.token(instant::now());
        let fault = faults.next(&names);
        (
            fault,
            faults.wait(),
            faults.bytes_per_second,
            token,
            faults.repeats(),
            faults.clock_ahead_s,
            faults.poison.clone(),
        )
    };
    tokio::time::sleep(wait).await;
    if let Some(Fault::Hang { ms }) = fault {
        tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
    }
    let now = instant::now();
    let (admitted, mut headers, refusal) = {
        let mut rate = lock(&state.rate);
        let admitted = rate.admit(now);
        (admitted, rate.headers(), rate.refusal(now))
    };
    let (mut reply, mut good) = if !admitted {
        (refusal, false)
    } else if !is_allowed(state, call) {
        (unauthorized(graphql, false), false)
    } else if token.expires_at.is_some_and(|end| end <= now) {
        (unauthorized(graphql, true), false)
    } else if graphql && !token.can_read() {
        // GraphQL does not tell that a scope is missing.
        (unauthorized(graphql, false), false)
    } else if graphql {
        graphql_answer(state, call, body.as_ref(), &poisoned)
    } else {
        rest_answer(state, call, &names, &poisoned, (&token, now))
    };
    if graphql && good && repeats {
        let before = lock(&state.pages).insert(queries(body.as_ref()), reply.body.clone());
        if let (Some(before), Some(Fault::RepeatedPage)) = (before, &fault) {
            reply.body = before;
        }
    }
    if let Some(fault) = &fault {
        reply = done_to(reply, fault, graphql);
        good &= matches!(fault, Fault::Hang { .. } | Fault::NoLink { .. });
    }
    headers.push(("x-request-id", request_id(now, number)));
    if clock_ahead != 0 {
        headers.push(("date", instant::print_http(now + clock_ahead.saturating_mul(SECOND))));
    }
    reply.headers.extend(headers);
    reply.bytes_per_second = bytes_per_second;
    let mut stats = lock(&state.stats);
    stats.requests.refused += u64::from(!good);
    stats.bytes_sent += reply.sent();
    if let Some(fault) = &fault {
        *stats.faults.entry(fault.name()).or_default() += 1;
    }
    reply
}

/// Counts a request; its number among all.
fn count(state: &State, graphql: bool, names: &[String]) -> u64 {
    let mut stats = lock(&state.stats);
    stats.requests.total += 1;
    if graphql {
        stats.requests.graphql += 1;
        for name in names {
            *stats.operations.entry(name.clone()).or_default() += 1;
        }
    } else {
        stats.requests.rest += 1;
        // Under the template's name, so that the same list of all projects is one entry.
        if let [_, template] = names {
            *stats.operations.entry(template.clone()).or_default() += 1;
        }
    }
    stats.requests.total
}

fn is_allowed(state: &State, call: &Call) -> bool {
    call.token()
        .is_some_and(|shown| state.tokens.iter().any(|token| token == shown))
}

fn graphql_answer(state: &State, call: &Call, body: Option<&Value>, poisoned: &[Poisoned]) -> Outcome {
    if call.method != Method::POST {
        return (not_found(), false);
    }
    let Some(body) = body else {
        let message = json!({"status": 400, "error": "Bad Request"});
        return (Reply::json(400, &message), false);
    };
    let (requests, multiplex) = match graphql::read(body) {
        Ok(read) => read,
        Err(message) => return (Reply::graphql_error(422, &message), false),
    };
    let answers: Vec<graphql::Answer> = {
        let world = state.world();
        let one = |request: &Request| graphql::answer_poisoned(&state.api, &world, poisoned, request, MAX_COMPLEXITY);
        requests.iter().map(one).collect()
    };
    let most = answers.iter().map(|answer| answer.complexity).max();
    let good = !answers.iter().any(|answer| answer.failed);
    {
        let mut stats = lock(&state.stats);
        stats.max_complexity = stats.max_complexity.max(most.unwrap_or(0));
    }
    let hits: Vec<Poison> = answers.iter().flat_map(|answer| answer.hits.clone()).collect();
    if let Some(refusal) = refusal(state, &hits, true) {
        return refusal;
    }
    let bodies: Vec<String> = answers.into_iter().map(|answer| answer.body).collect();
    let text = if multiplex {
        format!("[{}]", bodies.join(","))
    } else {
        bodies.concat()
    };
    let text = poison::bytes(text, &hits);
    (Reply::new(200, "application/json; charset=utf-8", text), good)
}

/// Counts the poison that an answer has met, and gives the error that it has become, if it has.
fn refusal(state: &State, hits: &[Poison], graphql: bool) -> Option<Outcome> {
    let mut stats = lock(&state.stats);
    for hit in hits {
        *stats.faults.entry(hit.name()).or_default() += 1;
    }
    let status = |hit: &Poison| match hit {
        Poison::Status(status) => Some(*status),
        Poison::Error if !graphql => Some(500),
        _ => None,
    };
    let status = hits.iter().find_map(status)?;
    Some((status_reply(status, None, None, graphql), false))
}

fn rest_answer(
    state: &State,
    call: &Call,
    names: &[String],
    poisoned: &[Poisoned],
    (token, now): (&rest::Token, Instant),
) -> Outcome {
    if call.method != Method::GET {
        return (not_found(), false);
    }
    let host = call.headers.get(HOST).and_then(|host| host.to_str().ok());
    let request = rest::Request {
        world: &state.world(),
        path: &call.path,
        query: &call.raw_query,
        base: &host.map_or(BASE_URL.to_owned(), |host| format!("http://{host}")),
        token,
        now,
    };
    let mut answer = rest::answer(&request);
    let hits = poison::meet(poisoned, names, &mut answer.body);
    if let Some(refusal) = refusal(state, &hits, false) {
        return refusal;
    }
    let body = poison::bytes(answer.body.to_string(), &hits);
    let mut reply = Reply::new(answer.status, "application/json; charset=utf-8", body);
    reply.headers = answer.headers;
    (reply, answer.status == 200)
}

fn not_found() -> Reply {
    Reply::json(404, &json!({"error": "404 Not Found"}))
}

/// The queries of a body without their variables: what tells pages of one list from those of others.
fn queries(body: Option<&Value>) -> Vec<String> {
    let query = |body: &Value| body["query"].as_str().unwrap_or_default().to_owned();
    match body {
        Some(Value::Array(several)) => several.iter().map(query).collect(),
        Some(single) => vec![query(single)],
        None => Vec::new(),
    }
}

/// The names of the operations in a body; `-` for one without a name.
fn operations(body: &Value) -> Vec<String> {
    match body {
        Value::Array(several) => several.iter().map(operation).collect(),
        single => vec![operation(single)],
    }
}

fn operation(body: &Value) -> String {
    if let Some(name) = body["operationName"].as_str().filter(|name| !name.is_empty()) {
        return name.to_owned();
    }
    let query = body["query"].as_str().unwrap_or_default().trim_start();
    let rest = query.strip_prefix("query").unwrap_or_default().trim_start();
    let name: String = rest
        .chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

/// A ULID, as GitLab gives its requests: the time in milliseconds and 80 bits that differ.
fn request_id(now: i64, number: u64) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let random = &mut Random::of(number, 96, now.unsigned_abs());
    let tail = u128::from(random.draw()) << 16 | u128::from(random.below(1 << 16));
    let ulid = (now as u128 / 1000) << 80 | tail;
    (0..26)
        .rev()
        .map(|place| char::from(DIGITS[(ulid >> (5 * place) & 31) as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_names_of_operations() {
        let body = json!([
            {"query": "query Projects($a: Int) { a }"}, {"query": "{ a }"},
            {"query": "query A { a } query B { a }", "operationName": "B"},
        ]);
        assert_eq!(operations(&body), ["Projects", "-", "B"]);
    }

    #[test]
    fn request_ids_differ_and_ascend_with_time() {
        let (a, b, c) = (request_id(1000, 1), request_id(1000, 2), request_id(2_000_000_000, 3));
        assert!(a != b && a < c && b < c, "{a} {b} {c}");
        assert_eq!(a.len(), 26);
    }
}
