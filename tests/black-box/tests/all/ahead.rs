//! A GitLab with rows from the future: its server's clock is wrong, or they were imported.

use black_box::World;
use gitlab_sim::instant::{self, HOUR};

#[test]
#[ignore = "slow (four syncs): scripts/test --slow; the simulations `endless` read the same rows"]
fn rows_of_the_next_hours_and_hidden_ones_among_them_are_read_like_others() {
    let anchor = instant::print(instant::now() + 3 * HOUR);
    let arguments = ["--anchor", &anchor, "--merge-requests", "400", "--seed", "42"];
    let world = World::new("ahead", &arguments);
    let connector = world.connector(&[("SYNC_DEADLINE_SECONDS", "120")]);
    for most in [200, 100] {
        let answer = world.sync(&connector);
        let requests = answer["gitlab"]["requests"].as_u64().expect("a number");
        assert!(requests < most, "{requests} requests");
        assert_eq!(answer["status"], "success", "{answer:#}");
        world.assert_equal();
    }
}
