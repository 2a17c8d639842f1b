//! How much of the project a run builds: all of it, or what is downstream of what changed.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::order::Action;
use crate::report::Built;
use crate::runs::Entry;

/// All is built at least once in this time: models may depend on the date, and a caller may be wrong
/// about what changed.
const FULL_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// Remembers what was built.
#[derive(Debug)]
pub struct Scope {
    follow_changes: bool,
    /// When all was last built well.
    full_at: Option<Instant>,
    /// Tables that changed but whose build failed.
    owed: BTreeSet<String>,
}

impl Scope {
    pub fn new(follow_changes: bool) -> Self {
        Self {
            follow_changes,
            full_at: None,
            owed: BTreeSet::new(),
        }
    }

    /// What to build for `entry`.
    pub fn plan(&self, entry: &Entry) -> Built {
        if !entry.selection.is_everything() || entry.action != Action::Build {
            return Built::AsAsked;
        }
        let full_is_due = self.full_at.is_none_or(|at| at.elapsed() >= FULL_EVERY);
        match entry.changed().filter(|_| self.follow_changes && !full_is_due) {
            Some(changed) => Built::Changed(changed.union(&self.owed).cloned().collect()),
            None => Built::All,
        }
    }

    /// To be told how the run of a plan ended.
    pub fn ended(&mut self, built: &Built, well: bool) {
        match (built, well) {
            (Built::AsAsked, _) => {}
            (Built::All, true) => {
                self.full_at = Some(Instant::now());
                self.owed.clear();
            }
            (Built::All, false) => self.full_at = None,
            (Built::Changed(_), true) => self.owed.clear(),
            (Built::Changed(tables), false) => self.owed = tables.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Order;
    use crate::runs::Asked;

    fn entry(body: &str) -> Entry {
        let order = Order::parse(body.as_bytes(), &[]).expect("valid");
        let asked = Asked {
            source: String::new(),
            caller: String::new(),
        };
        Entry::new(&order, asked)
    }

    fn changed(tables: &[&str]) -> Built {
        Built::Changed(tables.iter().map(|table| (*table).to_owned()).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_changed_is_built_with_all_of_it_once_a_day() {
        let notes = entry(r#"{"sync_info":{"changed_tables":["notes"]}}"#);
        let mut scope = Scope::new(true);
        assert_eq!(scope.plan(&notes), Built::All, "the first one");
        scope.ended(&Built::All, true);
        assert_eq!(scope.plan(&notes), changed(&["notes"]));
        assert_eq!(scope.plan(&entry("{}")), Built::All, "who does not say");
        assert_eq!(scope.plan(&entry(r#"{"select":"a"}"#)), Built::AsAsked);
        assert_eq!(scope.plan(&entry(r#"{"action":"test"}"#)), Built::AsAsked);
        tokio::time::sleep(FULL_EVERY).await;
        assert_eq!(scope.plan(&notes), Built::All, "the next day");
        assert_eq!(Scope::new(false).plan(&notes), Built::All);
    }

    #[tokio::test]
    async fn what_failed_is_owed_to_the_next_run() {
        let notes = entry(r#"{"sync_info":{"changed_tables":["notes"]}}"#);
        let none = entry(r#"{"sync_info":{"changed_tables":[]}}"#);
        let mut scope = Scope::new(true);
        scope.ended(&Built::All, true);
        assert_eq!(scope.plan(&none), changed(&[]));
        scope.ended(&scope.plan(&notes), false);
        assert_eq!(scope.plan(&none), changed(&["notes"]));
        scope.ended(&changed(&["notes"]), true);
        assert_eq!(scope.plan(&none), changed(&[]));
        scope.ended(&Built::All, false);
        assert_eq!(scope.plan(&none), Built::All);
    }
}
