//! GitLab's GraphQL endpoint: one request in, one JSON document out.

mod complexity;
mod connection;
mod cursor;
mod plan;
mod request;
mod resolve;
mod run;
mod schema;
mod validate;

use serde_json::{Value, json};

pub use request::{Request, read};
pub use resolve::REVISION;
pub use schema::Api;

use crate::data::World;
use crate::poison::{Poison, Poisoned};
use plan::Plan;
use run::Run;

/// GitLab's limits for an authenticated user.
pub const MAX_DEPTH: usize = 20;
pub const MAX_QUERY_CHARS: usize = 10_000;

/// The answer to one operation, and what the statistics want to know about it.
pub struct Answer {
    pub body: String,
    pub failed: bool,
    pub complexity: u32,
    /// The poison that it met.
    pub hits: Vec<Poison>,
}

/// Parses, validates, scores and executes one operation. Everything that GitLab reports with HTTP 200 comes back as
/// an answer, errors included.
pub fn answer(api: &Api, world: &World, request: &Request, max_complexity: u32) -> Answer {
    answer_poisoned(api, world, &[], request, max_complexity)
}

/// The same of a GitLab that fails at some rows and fields.
pub fn answer_poisoned(
    api: &Api,
    world: &World,
    poisoned: &[Poisoned],
    request: &Request,
    max_complexity: u32,
) -> Answer {
    let document = match validate::document(api, &request.query) {
        Ok(document) => document,
        Err(errors) => return refuse(errors, 0),
    };
    let plan = match Plan::new(api.schema(), &document, request) {
        Ok(plan) => plan,
        Err(error) => return refuse(vec![error], 0),
    };
    let score = complexity::score(&plan.fields);
    if plan.depth > MAX_DEPTH {
        let message = format!(
            "Query has depth of {}, which exceeds max depth of {MAX_DEPTH}",
            plan.depth
        );
        return refuse(vec![json!({"message": message})], score);
    }
    if score > max_complexity {
        let message = format!("Query has complexity of {score}, which exceeds max complexity of {max_complexity}");
        return refuse(vec![json!({"message": message})], score);
    }
    let introspection = api.introspect(&document, &plan);
    let mut run = Run::new(world, poisoned, score, max_complexity, introspection);
    let ok = resolve::root(&mut run, &plan.fields).is_ok();
    let (data, errors, hits) = run.finish();
    let data = if ok { data } else { "null".to_owned() };
    let failed = !errors.is_empty();
    let body = if failed {
        format!("{{\"data\":{data},\"errors\":{}}}", Value::Array(errors))
    } else {
        format!("{{\"data\":{data}}}")
    };
    Answer {
        body,
        failed,
        complexity: score,
        hits,
    }
}

fn refuse(errors: Vec<Value>, complexity: u32) -> Answer {
    Answer {
        body: json!({ "errors": errors }).to_string(),
        failed: true,
        complexity,
        hits: Vec::new(),
    }
}
