//! Lists that GitLab cuts: those within rows, and those of the REST API.

use std::collections::BTreeSet;

use gitlab_sim::data::{Label, Owner, Reviewer, State, World};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LINK};
use serde_json::Value as Json;

use super::*;
use crate::gitlab::Call;
use crate::sync::simulation::scene::Scene;

/// Tables of what belongs to one merge request.
const TABLES: [&str; 4] = ["mr_labels", "mr_reviewers", "mr_assignees", "mr_approvals"];

/// A merge request and an issue with so many labels and people.
fn give(world: &mut World, now: i64, count: usize) -> (u64, u64) {
    let row = world
        .merge_requests
        .iter()
        .find(|row| row.state == State::Opened && !row.hidden);
    let (merge_request, project) = row.map(|row| (row.id, row.project)).expect("an open one");
    let issue = world
        .issues
        .iter()
        .find(|row| row.project == project)
        .expect("an issue")
        .id;
    let mut user = world.users.iter().next().expect("a user").clone();
    for nth in world
        .users
        .iter()
        .filter(|user| user.username.starts_with("many-"))
        .count()..count
    {
        user.username = format!("many-{nth}");
        world.users.add(|id| gitlab_sim::data::User { id, ..user.clone() });
    }
    for nth in world
        .labels
        .iter()
        .filter(|label| label.title.starts_with("many-"))
        .count()..count
    {
        let (owner, color, description) = (Owner::Project(project), "#000000", None);
        world.labels.add(|id| Label {
            id,
            owner,
            title: format!("many-{nth:03}"),
            color,
            description,
            created_at: now,
            updated_at: now,
        });
    }
    let many = world.users.iter().filter(|user| user.username.starts_with("many-"));
    let users: Vec<u64> = many.map(|user| user.id).take(count).collect();
    let many = world.labels.iter().filter(|label| label.title.starts_with("many-"));
    let labels: Vec<u64> = many.map(|label| label.id).take(count).collect();
    let state = "REVIEWED";
    world.save(merge_request, now, |row| {
        (row.assignees, row.approved_by, row.labels) = (users.clone(), users.clone(), labels.clone());
        row.reviewers = users.iter().map(|user| Reviewer { user: *user, state }).collect();
    });
    world.save_issue(issue, now, |row| {
        (row.assignees, row.labels) = (users.clone(), labels.clone());
    });
    (merge_request, issue)
}

fn of(scene: &Scene, table: &str, merge_request: u64) -> usize {
    let rows = scene.memory.rows(table).into_iter();
    rows.filter(|row| row["merge_request_id"] == merge_request).count()
}

fn ids_of(scene: &Scene, table: &str, id: u64, column: &str) -> usize {
    let row = scene.memory.rows(table).into_iter().find(|row| row["id"] == id);
    row.and_then(|row| Some(row[column].as_array()?.len()))
        .unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn all_of_150_labels_reviewers_assignees_and_approvals_are_stored_and_those_that_go_are_gone() {
    for single in [false, true] {
        let mut scene = Scene::new(3, 40);
        scene.single = single;
        let (mut merge_request, mut issue) = (0, 0);
        for (count, reconcile) in [(150, false), (120, false), (105, true), (100, false), (3, false)] {
            scene
                .stand
                .edit(|world, now| (merge_request, issue) = give(world, now, count));
            scene.request.reconcile = reconcile;
            scene.stand.wait(Duration::from_secs(3600));
            assert!(scene.sync().await);
            for table in TABLES {
                assert_eq!(of(&scene, table, merge_request), count, "{table}");
            }
            for column in ["label_ids", "assignee_ids"] {
                assert_eq!(ids_of(&scene, "issues", issue, column), count, "{column}");
            }
            scene.assert_equal();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_with_a_long_list_is_not_read_again_each_day() {
    let mut scene = Scene::new(1, 20);
    let mut long = (0, 0);
    scene.stand.edit(|world, now| long = give(world, now, 150));
    assert!(long > (0, 0));
    assert!(scene.sync().await);
    scene.stand.wait(Duration::from_secs(3600));
    let again = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = again.clone();
    scene.between = Some(Arc::new(move |call| {
        let Call::Query(body) = call else { return None };
        let by_number = body["query"]
            .as_str()
            .is_some_and(|query| query.starts_with("query ByIids"));
        counted.fetch_add(u64::from(by_number), std::sync::atomic::Ordering::Relaxed);
        None
    }));
    assert!(scene.sync().await);
    assert_eq!(again.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_row_whose_long_list_cannot_be_read_stays_as_it_was_until_it_can() {
    let mut scene = Scene::new(1, 20);
    let mut merge_request = 0;
    scene.stand.edit(|world, now| merge_request = give(world, now, 150).0);
    assert!(scene.sync().await);
    scene.stand.edit(|world, now| merge_request = give(world, now, 140).0);
    scene.between = Some(Arc::new(|call| {
        let Call::Query(body) = call else { return None };
        let within = body["query"].as_str()?.split('(').next()?.ends_with("Within");
        within.then_some((StatusCode::INTERNAL_SERVER_ERROR, "{}"))
    }));
    scene.stand.wait(Duration::from_secs(3600));
    let (complete, warnings) = scene.sync_with_warnings().await;
    assert!(
        complete && format!("{warnings:?}").contains("/-/merge_requests/"),
        "{warnings:?}"
    );
    assert!(TABLES.iter().all(|table| of(&scene, table, merge_request) == 150));
    scene.between = None;
    scene.stand.wait(Duration::from_secs(100_000));
    assert!(scene.sync().await);
    scene.assert_equal();
}

/// A project with 250 branches.
pub fn branches() -> Scene {
    let mut scene = Scene::new(1, 20);
    scene.stand.edit(|world, now| {
        let row = world
            .merge_requests
            .iter()
            .find(|row| row.state == State::Opened && !row.hidden);
        let row = row.expect("an open one").clone();
        for nth in 0..260 {
            let source_branch = format!("many-{nth:03}").into_boxed_str();
            let make = |id, iid| gitlab_sim::data::MergeRequest {
                id,
                iid,
                source_branch,
                created_at: now,
                updated_at: now,
                notes: Vec::new(),
                pipelines: Vec::new(),
                head_pipeline: None,
                ..row.clone()
            };
            world.add_merge_request(make, row.project);
        }
    });
    scene.options.streams.insert("branches".into());
    scene.request.streams = vec!["branches".into()];
    (scene.options, scene.only) = scene.request.narrow(scene.options, &scene.streams);
    scene
}

fn names(rows: Vec<Json>) -> BTreeSet<String> {
    rows.iter().map(|row| row["name"].to_string()).collect()
}

/// What proxies do to GitLab's headers.
const PROXIES: [fn(&Call<'_>, &mut HeaderMap); 4] = [
    |_, headers| {
        headers.remove(LINK);
    },
    |_, headers| {
        headers.remove(LINK);
        headers.remove("x-next-page");
    },
    |_, headers| {
        let links = headers.remove(LINK);
        headers.append(LINK, "</a.css>; rel=preload; as=style".parse().expect("a link"));
        if let Some(links) = links {
            headers.append(LINK, links);
        }
    },
    |_, headers| {
        headers.insert(LINK, "</a.css>; rel=preload; as=style".parse().expect("a link"));
        headers.remove("x-next-page");
    },
];

#[tokio::test(start_paused = true)]
async fn a_proxy_that_meddles_with_links_neither_cuts_a_list_nor_deletes_what_it_holds() {
    for (nth, proxy) in PROXIES.iter().enumerate() {
        let mut scene = branches();
        let there = |scene: &Scene| {
            let rows = scene
                .stand
                .with_world(|world| gitlab_sim::rest::rows(world, "branches", None));
            names(rows.expect("a table"))
        };
        assert!(there(&scene).len() > 250);
        if nth % 2 == 0 {
            assert!(scene.sync().await);
            scene.stand.wait(Duration::from_secs(100_000));
        }
        scene.proxy = Some(Arc::new(proxy));
        assert!(scene.sync().await);
        assert!(names(scene.memory.rows("branches")) == there(&scene), "proxy {nth}");
        assert!(scene.memory.rows("branches").len() > 250);
    }
}

/// How many pages of a list have no row in it, from its second page on; the rows come after them.
fn with_empty_pages(scene: &Scene, count: u64) -> Arc<crate::sync::simulation::scene::Rewrite> {
    let stand = scene.stand.clone();
    Arc::new(move |call| {
        let Call::Page(address) = call else { return None };
        let (list, query) = address.split_once("?")?;
        let page = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("page=")?.parse::<u64>().ok())
            .unwrap_or(1);
        let of = |page: u64| format!("{list}?per_page=100&page={page}");
        let (status, mut headers, body) = match page {
            1 => stand.answer(&Call::Page(&of(1))),
            page if page <= 1 + count => (StatusCode::OK, HeaderMap::new(), b"[]".to_vec()),
            page => stand.answer(&Call::Page(&of(page - count))),
        };
        let is_last = page > 1 + count
            && headers
                .get("x-next-page")
                .is_none_or(reqwest::header::HeaderValue::is_empty);
        headers.remove(LINK);
        let next = if is_last { String::new() } else { (page + 1).to_string() };
        headers.insert("x-next-page", next.parse().expect("a number"));
        Some((status, headers, body))
    })
}

#[tokio::test(start_paused = true)]
async fn a_page_without_a_row_in_the_middle_of_a_rest_list_is_not_its_end() {
    for (count, ends) in [(1, true), (9, true), (10, false), (1_000_000, false)] {
        let mut scene = branches();
        assert!(scene.sync().await);
        let before = names(scene.memory.rows("branches"));
        assert!(before.len() > 250);
        scene.stand.wait(Duration::from_secs(100_000));
        scene.stand.edit(|world, now| {
            let row = world
                .merge_requests
                .iter()
                .find(|row| row.source_branch.starts_with("many-010"));
            let id = row.expect("a branch").id;
            world.save(id, now, |row| row.source_branch = "a-new-name".into());
        });
        scene.rewrite = Some(with_empty_pages(&scene, count));
        let (complete, warnings) = scene.sync_with_warnings().await;
        let (after, told) = (names(scene.memory.rows("branches")), format!("{warnings:?}"));
        // The new one is on the first page. What is not known whole deletes nothing, and says so.
        assert!(complete && after.contains("\"a-new-name\""), "{count}");
        assert_eq!(after.contains("\"many-010\""), !ends, "{count}");
        assert_eq!(told.contains("have no row and name a next one"), !ends, "{told}");
        assert_eq!(before.difference(&after).count(), usize::from(ends), "{count}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_page_that_is_too_large_comes_in_smaller_ones_and_a_row_that_is_stays_as_it_was() {
    let too_large: &'static str = " ".repeat(33 << 20).leak();
    let mut scene = branches();
    assert!(scene.sync().await);
    let before = names(scene.memory.rows("branches"));
    scene.stand.wait(Duration::from_secs(100_000));
    scene.between = Some(Arc::new(move |call| {
        let Call::Page(address) = call else { return None };
        let address = address.replace('?', "&");
        let number = |name: &str| {
            let (_, rest) = address.split_once(name)?;
            rest.split('&').next()?.parse::<u64>().ok()
        };
        let (size, page) = (number("&per_page=")?, number("&page=").unwrap_or(1));
        // The branches from the 110th to the 119th are long, and the 111th is too long.
        let rows = (page - 1) * size..page * size;
        let long = rows.clone().filter(|row| (110..120).contains(row)).count();
        (long > 3 || rows.contains(&111)).then_some((StatusCode::OK, too_large))
    }));
    scene.request.full_refresh = true;
    let (complete, warnings) = scene.sync_with_warnings().await;
    let warnings = format!("{warnings:?}");
    assert!(complete && warnings.contains("per_page=1&page=112"), "{warnings}");
    assert!(names(scene.memory.rows("branches")) == before);
}
