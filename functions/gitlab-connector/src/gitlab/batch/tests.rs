//! Lists of the simulated GitLab, which fails at some of them.

use std::sync::atomic::AtomicUsize;

use reqwest::StatusCode;
use serde_json::Value as Json;

use super::*;
use crate::gitlab::graphql::Selection;
use crate::gitlab::list::{By, Owner};
use crate::gitlab::pager::{self, Seen};
use crate::gitlab::testing::{Asked, Meddle, client, world};

const PURPOSE: Purpose = Purpose {
    stream: "some",
    operation: std::borrow::Cow::Borrowed("Some"),
};
const FAILED: Option<(StatusCode, &str)> = Some((StatusCode::INTERNAL_SERVER_ERROR, "{}"));
const TOO_SLOW: Option<(StatusCode, &str)> = Some((
    StatusCode::SERVICE_UNAVAILABLE,
    r#"{"errors":[{"message":"Request timed out. Please try a less complex query or a smaller set of records."}]}"#,
));

fn well() -> Box<Meddle> {
    Box::new(|_, _| None)
}

fn projects() -> Vec<(i64, String)> {
    let world = world();
    let projects = world
        .projects
        .iter()
        .filter(|project| project.full_path().starts_with("acme/"));
    projects
        .map(|project| (project.id as i64, project.full_path()))
        .collect()
}

fn merge_requests(owner: Owner) -> Connection {
    Connection::new(owner, "mergeRequests")
        .with_all_below()
        .within(By::Created, None, None)
        .nodes(Selection::parse("id iid webUrl title diffStatsSummary { additions }"))
}

fn ids(page: &Page) -> Vec<String> {
    let ids = page
        .nodes
        .iter()
        .map(|node| node["id"].as_str().unwrap_or_default().to_owned());
    ids.collect()
}

fn count(asked: &Asked) -> usize {
    asked.lock().expect("one thread").len()
}

/// Every query that was asked scores by our count what the simulated GitLab says, and at most so much.
fn assert_scores(lists: &[Connection], limit: u32) {
    let asks = lists
        .iter()
        .cloned()
        .enumerate()
        .map(|(list, connection)| Ask { list, connection });
    for asks in pack(asks.collect(), limit) {
        assert!(cost::of(&compose(&asks).query) <= limit);
    }
}

#[tokio::test(start_paused = true)]
async fn lists_of_many_owners_come_in_one_request_and_in_their_order() {
    let (client, asked) = client(world(), 250, well());
    let mut lists: Vec<Connection> = projects()
        .iter()
        .map(|(id, _)| merge_requests(Owner::Project(*id)).first(3))
        .collect();
    lists.push(merge_requests(Owner::Group("acme".into())).first(2));
    lists.push(
        Connection::new(Owner::GitLab, "projects")
            .ids("Project", [projects()[0].0])
            .nodes(Selection::parse("id fullPath")),
    );
    lists.push(merge_requests(Owner::Project(999_999)).first(3));
    assert_scores(&lists, 250);
    let pages = fetch(&client, &PURPOSE, lists).await.expect("GitLab answers");
    assert_eq!(count(&asked), 1);
    for ((id, path), page) in projects().iter().zip(&pages) {
        let page = page.as_ref().expect("a page");
        assert_eq!(page.owner["id"], format!("gid://gitlab/Project/{id}"));
        assert!(
            page.nodes
                .iter()
                .all(|node| node["webUrl"].as_str().is_some_and(|url| url.contains(path.as_str())))
        );
    }
    let rest = &pages[projects().len()..];
    assert_eq!(rest[0].as_ref().expect("a page").nodes.len(), 2);
    assert_eq!(rest[1].as_ref().expect("a page").nodes[0]["fullPath"], projects()[0].1);
    assert!(matches!(&rest[2], Err(Error::ScopeNotFound(name)) if name == "project:999999"));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_a_query_comes_in_several_and_in_smaller_pages() {
    let (client, asked) = client(world(), 60, well());
    client.limits.set_score(60);
    let wide = |first| {
        let nodes = "id mergedAt closedAt labels { nodes { id } } notes(first: 30) { nodes { id author { id } } }";
        merge_requests(Owner::Group("acme".into()))
            .first(first)
            .nodes(Selection::parse(nodes))
    };
    let lists: Vec<Connection> = [100, 10, 10, 10].map(wide).into();
    assert_scores(&lists, 60);
    let pages = fetch(&client, &PURPOSE, lists).await.expect("GitLab answers");
    assert!(count(&asked) > 1);
    let sizes: Vec<usize> = pages
        .iter()
        .map(|page| page.as_ref().expect("a page").nodes.len())
        .collect();
    assert!(
        sizes[0] > 10 && sizes[0] < 100 && sizes[1..] == [10, 10, 10],
        "{sizes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_score_that_is_counted_wrongly_is_met_once() {
    let (client, asked) = client(world(), 44, well());
    let list = merge_requests(Owner::Group("acme".into())).nodes(Selection::parse(
        "id mergedAt closedAt labels { nodes { id } } reviewers { nodes { id } } assignees { nodes { id } }",
    ));
    let page = fetch_one(&client, &PURPOSE, list.clone().first(20))
        .await
        .expect("a page");
    assert!(!page.nodes.is_empty() && client.limits.score() == 44);
    let before = count(&asked);
    fetch_one(&client, &PURPOSE, list.after(page.end))
        .await
        .expect("a page");
    assert_eq!(count(&asked) - before, 1);
}

/// A GitLab that always fails at whatever holds this merge request's title or line counts.
fn poisoned(id: String, failure: Option<(StatusCode, &'static str)>) -> Box<Meddle> {
    Box::new(move |body, answer| {
        let asks_for_much = body["query"].as_str().is_some_and(|query| query.contains("title"));
        failure.filter(|_| asks_for_much && answer.to_string().contains(&format!("{id:?}")))
    })
}

#[tokio::test(start_paused = true)]
async fn a_row_at_which_gitlab_always_fails_is_left_out_and_named_and_all_others_come() {
    let group = || merge_requests(Owner::Group("acme".into()));
    let (healthy, _) = client(world(), 250, well());
    let whole = pager::all(&healthy, &PURPOSE, group()).await.expect("all");
    assert!(whole.nodes.len() > 80);
    let poison = &whole.nodes[57];
    let too_large = Some((StatusCode::OK, &*" ".repeat(33 << 20).leak()));
    for failure in [FAILED, TOO_SLOW, too_large] {
        let (client, asked) = client(
            world(),
            250,
            poisoned(poison["id"].as_str().expect("an id").into(), failure),
        );
        let found = pager::all(&client, &PURPOSE, group()).await.expect("all but one");
        let expected: Vec<String> = ids(&whole).into_iter().filter(|id| *id != poison["id"]).collect();
        assert_eq!(ids(&found), expected);
        assert_eq!(found.left_out.len(), 1, "{:?}", found.left_out);
        assert_eq!(found.left_out[0].name(), poison["webUrl"]);
        assert!(count(&asked) < 90, "{} requests", count(&asked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_row_at_which_gitlab_always_fails_is_left_out_and_all_others_come() {
    let (_, path) = &projects()[0];
    let (healthy, _) = client(world(), 250, well());
    let whole = fetch_one(&healthy, &PURPOSE, merge_requests(Owner::ProjectAt(path.clone())))
        .await
        .expect("a page");
    let iids: Vec<i64> = whole
        .nodes
        .iter()
        .filter_map(|node| node["iid"].as_str()?.parse().ok())
        .collect();
    assert!(iids.len() > 9);
    let poison = &whole.nodes[4];
    let (client, _) = client(
        world(),
        250,
        poisoned(poison["id"].as_str().expect("an id").into(), FAILED),
    );
    let list = Connection {
        range: None,
        ..merge_requests(Owner::ProjectAt(path.clone()))
    }
    .iids(iids.clone());
    let found = fetch_one(&client, &PURPOSE, list).await.expect("all but one");
    assert_eq!(found.nodes.len(), iids.len() - 1);
    assert_eq!(found.left_out.len(), 1);
    assert_eq!(found.left_out[0].row["iid"], poison["iid"]);
}

#[tokio::test(start_paused = true)]
async fn a_field_at_which_gitlab_fails_is_null_and_named_and_its_row_comes() {
    let poison = std::sync::Arc::new(std::sync::Mutex::new(Json::Null));
    let told = poison.clone();
    let meddle: Box<Meddle> = Box::new(move |_, answer| {
        let nodes = answer["data"]["o0"]["l0"]["nodes"].as_array_mut()?;
        let at = nodes.len().checked_sub(3)?;
        *told.lock().expect("one thread") = nodes[at]["webUrl"].clone();
        nodes[at]["diffStatsSummary"] = Json::Null;
        answer["errors"] =
            json!([{"message": "Internal server error", "path": ["o0", "l0", "nodes", at, "diffStatsSummary"]}]);
        None
    });
    let (client, asked) = client(world(), 250, meddle);
    let page = fetch_one(&client, &PURPOSE, merge_requests(Owner::Group("acme".into())).first(20))
        .await
        .expect("a page");
    assert_eq!((page.nodes.len(), page.left_out.len()), (20, 1));
    let left_out = &page.left_out[0];
    assert_eq!(left_out.field.as_deref(), Some("diffStatsSummary"));
    assert_eq!(left_out.row["webUrl"], *poison.lock().expect("one thread"));
    assert_eq!(left_out.error, "Internal server error");
    assert_eq!(count(&asked), 3, "it was given the chance to pass");
}

#[tokio::test(start_paused = true)]
async fn a_list_at_which_gitlab_fails_stops_no_other() {
    let broken = format!("{:?}", projects()[2].1);
    let meddle: Box<Meddle> =
        Box::new(move |body, _| FAILED.filter(|_| body["variables"].to_string().contains(&broken)));
    let (client, _) = client(world(), 250, meddle);
    let lists = projects().into_iter().map(|(_, path)| {
        Connection::new(Owner::ProjectAt(path), "pipelines")
            .first(5)
            .nodes(Selection::parse("id"))
    });
    let pages = fetch(&client, &PURPOSE, lists.collect()).await.expect("GitLab answers");
    let failed: Vec<usize> = (0..pages.len()).filter(|place| pages[*place].is_err()).collect();
    assert_eq!(failed, [2]);
}

#[tokio::test(start_paused = true)]
async fn what_everybody_would_meet_ends_it_all() {
    let (refusing, asked) = client(world(), 250, Box::new(|_, _| Some((StatusCode::UNAUTHORIZED, "{}"))));
    let lists = |count| vec![merge_requests(Owner::Group("acme".into())).first(3); count];
    assert!(matches!(
        fetch(&refusing, &PURPOSE, lists(2)).await,
        Err(Error::Unauthorized(_))
    ));
    assert_eq!(count(&asked), 1);
    let (away, _) = client(world(), 250, Box::new(|_, _| FAILED));
    assert!(matches!(
        fetch(&away, &PURPOSE, lists(2)).await,
        Err(Error::Unavailable(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_at_every_row_is_given_up() {
    let asked_for_rows = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = asked_for_rows.clone();
    let meddle: Box<Meddle> = Box::new(move |body, _| {
        let rows = body["query"].as_str().is_some_and(|query| query.contains("title"));
        counted.fetch_add(usize::from(rows), Ordering::Relaxed);
        FAILED.filter(|_| rows)
    });
    let (client, _) = client(world(), 250, meddle);
    assert!(
        pager::all(&client, &PURPOSE, merge_requests(Owner::Group("acme".into())))
            .await
            .is_err()
    );
    assert!(asked_for_rows.load(Ordering::Relaxed) < 200);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_leads_back_to_where_it_was_ends_with_an_error() {
    let first = std::sync::Mutex::new(Json::Null);
    let meddle: Box<Meddle> = Box::new(move |_, answer| {
        let info = &mut answer["data"]["o0"]["l0"]["pageInfo"];
        let mut first = first.lock().expect("one thread");
        if first.is_null() {
            *first = info.clone();
        }
        *info = first.clone();
        None
    });
    let (client, asked) = client(world(), 250, meddle);
    let list = merge_requests(Owner::Group("acme".into())).first(10);
    assert!(matches!(
        pager::all(&client, &PURPOSE, list.clone()).await,
        Err(Error::Unexpected(_))
    ));
    assert!(count(&asked) == 2);
    let mut seen = Seen::default();
    assert!(seen.add(&list, "a").is_ok() && seen.add(&list, "b").is_ok() && seen.add(&list, "a").is_err());
}
