//! How much of the project a run builds: all of it, or what is downstream of what changed.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::request::Action;
use crate::run::{BuildSet, Run};

/// All is built at least once in this time: models may depend on the date, and a caller may be wrong
/// about what changed.
const FULL_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// Remembers what was built.
#[derive(Debug)]
pub struct BuildPlan {
    follow_changes: bool,
    /// When all was last built well.
    full_at: Option<Instant>,
    /// Tables that changed but whose build failed.
    owed: BTreeSet<String>,
}

impl BuildPlan {
    pub fn new(follow_changes: bool) -> Self {
        Self {
            follow_changes,
            full_at: None,
            owed: BTreeSet::new(),
        }
    }

    /// What to build for `entry`.
    pub fn choose(&self, run: &Run) -> BuildSet {
        if !run.selection.is_everything() || run.action != Action::Build {
            return BuildSet::AsAsked;
        }
        if let Some(changed) = run.changed().filter(|_| run.live) {
            return BuildSet::Live(changed.union(&self.owed).cloned().collect());
        }
        let full_is_due = self.full_at.is_none_or(|at| at.elapsed() >= FULL_EVERY);
        match run.changed().filter(|_| self.follow_changes && !full_is_due) {
            Some(changed) => BuildSet::Changed(changed.union(&self.owed).cloned().collect()),
            None => BuildSet::All,
        }
    }

    /// To be told how the run of a plan ended.
    pub fn ended(&mut self, built: &BuildSet, well: bool) {
        match (built, well) {
            (BuildSet::AsAsked, _) => {}
            (BuildSet::All, true) => {
                self.full_at = Some(Instant::now());
                self.owed.clear();
            }
            (BuildSet::All, false) => self.full_at = None,
            (BuildSet::Changed(_), true) => self.owed.clear(),
            // The rest of what is downstream of them, and all tests, are left to the next run.
            (BuildSet::Live(tables), _) => self.owed.extend(tables.iter().cloned()),
            (BuildSet::Changed(tables), false) => self.owed = tables.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::RunRequest;
    use crate::run::CalledBy;

    fn run(body: &str) -> Run {
        let request = RunRequest::parse(body.as_bytes(), &[]).expect("valid");
        let asked = CalledBy {
            source: String::new(),
            caller: String::new(),
        };
        Run::new(&request, asked)
    }

    fn changed(tables: &[&str]) -> BuildSet {
        BuildSet::Changed(tables.iter().map(|table| (*table).to_owned()).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_changed_is_built_with_all_of_it_once_a_day() {
        let notes = run(r#"{"sync_info":{"changed_tables":["notes"]}}"#);
        let mut plan = BuildPlan::new(true);
        assert_eq!(plan.choose(&notes), BuildSet::All, "the first one");
        plan.ended(&BuildSet::All, true);
        assert_eq!(plan.choose(&notes), changed(&["notes"]));
        assert_eq!(plan.choose(&run("{}")), BuildSet::All, "who does not say");
        assert_eq!(plan.choose(&run(r#"{"select":"a"}"#)), BuildSet::AsAsked);
        assert_eq!(plan.choose(&run(r#"{"action":"test"}"#)), BuildSet::AsAsked);
        tokio::time::sleep(FULL_EVERY).await;
        assert_eq!(plan.choose(&notes), BuildSet::All, "the next day");
        assert_eq!(BuildPlan::new(false).choose(&notes), BuildSet::All);
    }

    #[tokio::test]
    async fn a_live_run_leaves_the_rest_to_the_next_one() {
        let live = run(r#"{"live":true,"sync_info":{"changed_tables":["notes"]}}"#);
        let users = run(r#"{"sync_info":{"changed_tables":["users"]}}"#);
        let only_notes = BuildSet::Live(["notes".to_owned()].into());
        assert_eq!(BuildPlan::new(false).choose(&live), only_notes);
        let mut plan = BuildPlan::new(true);
        plan.ended(&BuildSet::All, true);
        assert_eq!(plan.choose(&live), only_notes);
        plan.ended(&only_notes, true);
        assert_eq!(plan.choose(&users), changed(&["notes", "users"]));
        plan.ended(&changed(&["notes", "users"]), true);
        assert_eq!(plan.choose(&users), changed(&["users"]));
    }

    #[tokio::test]
    async fn what_failed_is_owed_to_the_next_run() {
        let notes = run(r#"{"sync_info":{"changed_tables":["notes"]}}"#);
        let none = run(r#"{"sync_info":{"changed_tables":[]}}"#);
        let mut plan = BuildPlan::new(true);
        plan.ended(&BuildSet::All, true);
        assert_eq!(plan.choose(&none), changed(&[]));
        plan.ended(&plan.choose(&notes), false);
        assert_eq!(plan.choose(&none), changed(&["notes"]));
        plan.ended(&changed(&["notes"]), true);
        assert_eq!(plan.choose(&none), changed(&[]));
        plan.ended(&BuildSet::All, false);
        assert_eq!(plan.choose(&none), BuildSet::All);
    }
}
