//! What a list is asked with, and what it answers.

use form_urlencoded::parse;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::features;
use crate::data::{Group, Issue, MergeRequest, Project, World};
use crate::instant::{self, Instant};

/// What the token may do and until when.
#[derive(Clone, Debug)]
pub struct Token {
    pub scopes: Vec<String>,
    /// Midnight (UTC) of its last day; None if it does not expire.
    pub expires_at: Option<Instant>,
}

/// A request that was let in.
pub struct Request<'a> {
    pub world: &'a World,
    /// The address without its arguments, such as `/api/v4/projects/acme%2Fshop/jobs`.
    pub path: &'a str,
    /// The arguments as they came.
    pub query: &'a str,
    /// Where the client believes GitLab to be, such as `http://127.0.0.1:8929`; links start with it.
    pub base: &'a str,
    pub token: &'a Token,
    pub now: Instant,
}

/// An answer in JSON.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Value,
}

impl Reply {
    pub fn of(body: Value) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body,
        }
    }

    pub fn not_found(what: &str) -> Self {
        Self::message(404, &format!("404 {what} Not Found"))
    }

    pub fn forbidden() -> Self {
        Self::message(403, "403 Forbidden")
    }

    /// GitLab's answer to an address that it does not have, such as one of the Enterprise Edition.
    pub fn no_route() -> Self {
        Self::error(404, "404 Not Found")
    }

    /// An argument that is not understood.
    pub fn error(status: u16, error: &str) -> Self {
        Self {
            status,
            ..Self::of(json!({"error": error}))
        }
    }

    fn message(status: u16, message: &str) -> Self {
        Self {
            status,
            ..Self::of(json!({"message": message}))
        }
    }
}

/// A request with what its address names.
pub struct Call<'a> {
    pub request: &'a Request<'a>,
    /// What stands in the address where the template has a word with a colon.
    pub names: Vec<String>,
    pub arguments: Vec<(String, String)>,
}

impl<'a> Call<'a> {
    pub fn new(request: &'a Request<'a>, names: Vec<String>) -> Self {
        let arguments = parse(request.query.as_bytes()).into_owned().collect();
        Self {
            request,
            names,
            arguments,
        }
    }

    pub fn world(&self) -> &'a World {
        self.request.world
    }

    pub fn argument(&self, name: &str) -> Option<&str> {
        let found = self.arguments.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of an argument that may stand several times, as `scope[]=…` does.
    pub fn several(&self, name: &str) -> Vec<&str> {
        let array = format!("{name}[]");
        let fitting = self
            .arguments
            .iter()
            .filter(|(known, _)| *known == name || *known == array);
        fitting.map(|(_, value)| value.as_str()).collect()
    }

    /// A flag; GitLab takes `true` and `1`.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.argument(name)
            .map_or(default, |value| value == "true" || value == "1")
    }

    pub fn instant(&self, name: &str) -> Result<Option<Instant>, Reply> {
        let read = |text: &str| instant::parse(text).ok_or_else(|| Reply::error(400, &format!("{name} is invalid")));
        self.argument(name).map(read).transpose()
    }

    /// The project in the address: a number or a full path.
    pub fn project(&self) -> Result<&'a Project, Reply> {
        let (world, name) = (self.world(), &self.names[0]);
        let found = match name.parse() {
            Ok(id) => world.projects.get(id),
            Err(_) => world.project_by_path(name),
        };
        found.ok_or_else(|| Reply::not_found("Project"))
    }

    /// The project in the address, in which `feature` must be on.
    pub fn project_with(&self, feature: features::Feature) -> Result<&'a Project, Reply> {
        let project = self.project()?;
        features::check(project, feature)?;
        Ok(project)
    }

    /// The group in the address: a number or a full path.
    pub fn group(&self) -> Result<&'a Group, Reply> {
        let (world, name) = (self.world(), &self.names[0]);
        let found = match name.parse() {
            Ok(id) => world.groups.get(id),
            Err(_) => world.group_by_path(name),
        };
        found.ok_or_else(|| Reply::not_found("Group"))
    }

    /// The merge request in the address, if the token may see it.
    pub fn merge_request(&self) -> Result<&'a MergeRequest, Reply> {
        let project = self.project()?;
        let iid = self.names[1].parse().ok();
        iid.and_then(|iid| self.world().merge_request_by_iid(project.id, iid))
            .ok_or_else(|| Reply::message(404, "404 Not found"))
    }

    /// The issue in the address.
    pub fn issue(&self) -> Result<&'a Issue, Reply> {
        let project = self.project()?;
        let iid: Option<u32> = self.names[1].parse().ok();
        let id = iid.and_then(|iid| project.issues.by_iid.get(&iid));
        id.and_then(|id| self.world().issues.get(*id))
            .ok_or_else(|| Reply::message(404, "404 Not found"))
    }

    /// Refuses on the Community Edition, which does not have the address at all.
    pub fn enterprise_only(&self) -> Result<(), Reply> {
        if self.world().enterprise {
            Ok(())
        } else {
            Err(Reply::no_route())
        }
    }
}

/// The words of an address, percent-decoded one by one: a slash within a full path is written `%2F`.
pub fn words(path: &str) -> Vec<String> {
    path.trim_matches('/')
        .split('/')
        .map(|word| percent_decode_str(word).decode_utf8_lossy().into_owned())
        .collect()
}
