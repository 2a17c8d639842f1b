//! Two writers of the same raw tables, which the lease is there to prevent.

use std::thread::JoinHandle;
use std::time::Duration;

use black_box::{World, warehouse, warehouse_rows};
use local_stack::{Connector, http};
use serde_json::{Value, json};

/// How long a page of issues is held: another sync comes to its end in this time.
const HELD: Duration = Duration::from_secs(15);

#[test]
#[ignore = "slow (it holds syncs for half a minute): scripts/test --slow; chaos kills and two connectors at once are in the quick run"]
fn a_sync_whose_lease_was_lost_or_whose_cursor_moved_writes_nothing_more_and_corrupts_nothing() {
    let world = World::new("overlapping", &["--seed", "17", "--merge-requests", "40"]);
    let connectors = [(); 2].map(|()| world.connector(&[("SYNC_LEASE_SECONDS", "1000")]));
    // Makes the tables that are watched below.
    let (status, answer) = http::post(&connectors[0].url, None, &json!({"streams": ["groups"]})).expect("an answer");
    assert_eq!(status, 200, "{answer:#}");

    let first = held(&world, &connectors[0], &json!({}));
    world.wait_for_rows("merge_requests", Duration::from_secs(60));
    let (status, answer) = connectors[1].sync().expect("an answer");
    assert_eq!((status, &answer["code"]), (409, &json!("sync_running")), "{answer:#}");
    // As if the first one had not been heard of for the length of its lease.
    execute(
        "UPDATE {raw}._leases SET expires_at = TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 SECOND) WHERE TRUE",
        &world,
    );
    world.sync(&connectors[1]);
    world.assert_equal();
    assert_refused(first, "another sync has taken over the lease");
    world.assert_equal();

    // And where the lease does not tell: as if what the other one wrote had arrived after the look at it.
    execute("DELETE FROM {raw}.issues WHERE MOD(id, 2) = 0", &world);
    let issues = || warehouse_rows(warehouse(), &world.raw, "issues").len();
    let left = issues();
    let second = held(&world, &connectors[0], &json!({"full_refresh": true}));
    execute(
        "UPDATE {raw}._cursors SET cursor = CONCAT(cursor, ' moved') WHERE stream = 'issues'",
        &world,
    );
    assert_refused(second, "the cursor moved meanwhile");
    assert_eq!(issues(), left, "it has written issues");
    let back = "UPDATE {raw}._cursors SET cursor = REPLACE(cursor, ' moved', '') WHERE stream = 'issues' AND cursor LIKE '% moved'";
    execute(back, &world);
    let (status, answer) = http::post(&connectors[1].url, None, &json!({"full_refresh": true})).expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
    assert!(issues() > left, "nothing was missing");
    world.assert_equal();
}

#[test]
fn two_connectors_at_once_on_a_new_dataset_cannot_corrupt() {
    let world = World::new("two_connectors", &["--seed", "17"]);
    let connectors = [(); 2].map(|()| world.connector(&[]));
    let calls = connectors.each_ref().map(|connector| {
        let url = connector.url.clone();
        std::thread::spawn(move || http::post(&url, None, &json!({})))
    });
    for call in calls {
        let (status, answer) = call.join().expect("the caller").expect("an answer");
        assert!(status == 200 || answer["code"] == "sync_running", "{status} {answer:#}");
    }
    world.sync(&connectors[0]);
    world.assert_equal();
}

type Call = JoinHandle<Result<(u16, Value), String>>;

/// A sync that stands still for a while, asking for its issues.
fn held(world: &World, connector: &Connector, body: &Value) -> Call {
    let (url, body) = (connector.url.clone(), body.clone());
    world.held_at_issues(HELD, move || http::post(&url, None, &body))
}

fn assert_refused(call: Call, because: &str) {
    let (status, answer) = call.join().expect("the caller").expect("an answer");
    assert_eq!((status, &answer["code"]), (409, &json!("sync_running")), "{answer:#}");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(message.contains(because), "{answer:#}");
}

fn execute(sql: &str, world: &World) {
    warehouse().query(&sql.replace("{raw}", &world.raw)).expect(sql);
}
