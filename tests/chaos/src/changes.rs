//! What people do in GitLab meanwhile.

use std::thread;
use std::time::Duration;

use gitlab_sim::changes::Kind;
use gitlab_sim::random::Random;
use local_stack::Gitlab;
use serde_json::json;

/// What a sync with a look at what is gone can't know by design, or what would leave a table empty:
/// approval rules of merge requests that are closed, and what leaves or enters the synced group.
const LEFT_OUT: [Kind; 5] = [
    Kind::ChangeApprovalRules,
    Kind::TransferProjectOut,
    Kind::TransferProjectIn,
    Kind::DeleteProject,
    // It comes with an old time of update, so that a cursor would seem to be ahead of it.
    Kind::ShowMergeRequest,
];

/// One change of many kinds. Where nothing fits a kind, nothing happens.
pub fn one(gitlab: &Gitlab, random: &mut Random) {
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !LEFT_OUT.contains(kind)).collect();
    let (kind, seed) = (random.pick(&kinds), random.below(1 << 40));
    let _ = gitlab.change(&json!({"kind": kind, "seed": seed, "count": 3}));
}

/// Up to `most` changes at once.
pub fn some(gitlab: &Gitlab, random: &mut Random, most: u64) {
    for _ in 0..random.below(most + 1) {
        one(gitlab, random);
    }
}

/// Some changes in the next seconds.
pub fn slowly(gitlab: &Gitlab, random: &mut Random) {
    for _ in 0..random.below(5) {
        thread::sleep(Duration::from_millis(random.below(900)));
        one(gitlab, random);
    }
}
