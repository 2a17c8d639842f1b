//! How much of the project a run builds: all of it, or what is downstream of what changed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::request::Action;
use crate::run::{BuildSet, Run};

/// All is built at least once in this time: models may depend on the date, and a caller may be wrong
/// about what changed.
const FULL_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// What was built, from which project. It is written down before a run and after it, so whatever becomes of the run or its process, what
/// changed is built by a later one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildPlan {
    /// The project's fingerprint.
    project: String,
    /// When a run began that built all of it well, and since which nothing is unknown.
    #[serde(with = "time::serde::rfc3339::option")]
    full_at: Option<OffsetDateTime>,
    /// Tables that changed since, and whose downstream was not built well.
    pending: BTreeSet<String>,
}

impl BuildPlan {
    /// From its own text; the empty one, after which all is built, if that is of another project or can't be read.
    pub fn read(text: Option<&str>, project: &str) -> Self {
        let known: Option<Self> = text.and_then(|text| serde_json::from_str(text).ok());
        known.filter(|plan| plan.project == project).unwrap_or_else(|| Self {
            project: project.to_owned(),
            ..Self::default()
        })
    }

    /// As text.
    pub fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// Whether a run needs this memory: others build what they are told.
    pub fn concerns(run: &Run) -> bool {
        run.selection.is_everything() && run.action == Action::Build
    }

    /// Adds what another one of the same project knows of.
    pub fn add_pending_of(&mut self, other: &Self) {
        if self.project == other.project {
            self.pending.extend(other.pending.iter().cloned());
        }
    }

    /// When all was last built well.
    pub fn full_at(&self) -> Option<OffsetDateTime> {
        self.full_at
    }

    /// What to build for `run` at a time. `follow_changes` is the setting.
    pub fn choose(&self, run: &Run, follow_changes: bool, now: OffsetDateTime) -> BuildSet {
        if !Self::concerns(run) {
            return BuildSet::AsAsked;
        }
        if let Some(changed) = run.changed().filter(|_| run.live) {
            return BuildSet::Live {
                tables: changed,
                rows: run.changed_rows(),
            };
        }
        // A clock that was put back says nothing.
        let is_recent = |at: OffsetDateTime| at <= now && now - at < FULL_EVERY;
        let full_is_due = !self.full_at.is_some_and(is_recent);
        match run.changed().filter(|_| follow_changes && !full_is_due) {
            Some(changed) => BuildSet::Changed(changed.union(&self.pending).cloned().collect()),
            None => BuildSet::All,
        }
    }

    /// Notes what a run is about to build, before it does.
    pub fn begin(&mut self, built: &BuildSet) {
        match built {
            BuildSet::AsAsked => {}
            BuildSet::All => self.full_at = None,
            // The rest of what is downstream of live tables, and all tests, are left to the next run.
            BuildSet::Changed(tables) | BuildSet::Live { tables, .. } => self.pending.extend(tables.iter().cloned()),
        }
    }

    /// Notes how the run ended that began at `began`.
    pub fn end(&mut self, built: &BuildSet, well: bool, began: OffsetDateTime) {
        match built {
            BuildSet::All if well => {
                self.full_at = Some(began);
                self.pending.clear();
            }
            BuildSet::Changed(tables) if well => self.pending.retain(|table| !tables.contains(table)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    fn at(hours: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::hours(hours)
    }

    /// Everything was built at hour 0.
    fn built_once() -> BuildPlan {
        let mut plan = BuildPlan::read(None, "p");
        plan.begin(&BuildSet::All);
        plan.end(&BuildSet::All, true, at(0));
        plan
    }

    #[test]
    fn only_what_changed_is_built_with_all_of_it_once_a_day() {
        let notes = run(r#"{"sync_info":{"changed_tables":["notes"]}}"#);
        assert_eq!(
            BuildPlan::read(None, "p").choose(&notes, true, at(0)),
            BuildSet::All,
            "the first one"
        );
        let plan = built_once();
        assert_eq!(plan.choose(&notes, true, at(1)), changed(&["notes"]));
        assert_eq!(plan.choose(&run("{}"), true, at(1)), BuildSet::All, "who does not say");
        assert_eq!(plan.choose(&run(r#"{"select":"a"}"#), true, at(1)), BuildSet::AsAsked);
        assert_eq!(
            plan.choose(&run(r#"{"action":"test"}"#), true, at(1)),
            BuildSet::AsAsked
        );
        assert_eq!(plan.choose(&notes, true, at(23)), changed(&["notes"]));
        assert_eq!(plan.choose(&notes, true, at(24)), BuildSet::All, "the next day");
        assert_eq!(
            plan.choose(&notes, true, at(-1)),
            BuildSet::All,
            "a clock that was put back"
        );
        assert_eq!(plan.choose(&notes, false, at(1)), BuildSet::All, "by the setting");
    }

    #[test]
    fn a_live_run_leaves_the_rest_to_the_next_one() {
        let live = run(r#"{"live":true,"sync_info":{"changed_tables":["notes"]}}"#);
        let users = run(r#"{"sync_info":{"changed_tables":["users"]}}"#);
        let only_notes = BuildSet::Live {
            tables: ["notes".to_owned()].into(),
            rows: None,
        };
        assert_eq!(BuildPlan::default().choose(&live, false, at(0)), only_notes);
        let mut plan = built_once();
        assert_eq!(plan.choose(&live, true, at(1)), only_notes);
        plan.begin(&only_notes);
        plan.end(&only_notes, true, at(1));
        assert_eq!(plan.choose(&users, true, at(1)), changed(&["notes", "users"]));
        plan.end(&changed(&["notes", "users"]), true, at(1));
        assert_eq!(plan.choose(&users, true, at(1)), changed(&["users"]));
    }

    #[test]
    fn another_project_or_a_text_that_is_none_has_all_built() {
        let text = built_once().text();
        assert_eq!(BuildPlan::read(Some(&text), "p"), built_once());
        for (text, project) in [(text.as_str(), "q"), ("{}", "p"), ("", "p"), ("owed", "p")] {
            assert_eq!(BuildPlan::read(Some(text), project).full_at, None, "{text} {project}");
        }
    }

    /// What happens between a caller, this function and BigQuery.
    #[derive(Debug, Clone)]
    enum Step {
        /// A caller names tables that changed (numbers), or does not say; how the run ends.
        Call(Option<BTreeSet<u8>>, End),
        /// The same of a run of live models.
        Live(BTreeSet<u8>),
        /// Another instance, or the same started anew.
        Restart,
        /// Another version of the project.
        Deploy,
        Wait(u8),
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum End {
        Well,
        Failed,
        /// The process is killed after the beginning was written down.
        Killed,
        /// It ends well, but that can't be written down.
        WellUnnoted,
    }

    fn step() -> impl Strategy<Value = Step> {
        let tables = prop::collection::btree_set(0u8..5, 0..3);
        let end = prop::sample::select(vec![End::Well, End::Well, End::Failed, End::Killed, End::WellUnnoted]);
        prop_oneof![
            6 => (prop::option::weighted(0.9, tables.clone()), end).prop_map(|(tables, end)| Step::Call(tables, end)),
            2 => tables.prop_map(Step::Live),
            1 => Just(Step::Restart),
            1 => Just(Step::Deploy),
            1 => (0u8..30).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// A caller names each change once, whatever becomes of its call: after a run that ended well nothing is left of what anybody
        /// had named before.
        #[test]
        fn nothing_that_changed_is_ever_skipped(steps in prop::collection::vec(step(), 1..40)) {
            let (mut stored, mut now, mut project) = (None::<String>, 0, 0);
            // What was not built well since it changed; 99 is what nobody has named.
            let mut stale: BTreeSet<u8> = BTreeSet::from([99]);
            let name = |table: &u8| format!("t{table}");
            for step in steps {
                let plan = |stored: &Option<String>| BuildPlan::read(stored.as_deref(), &project.to_string());
                match step {
                    Step::Restart => {}
                    Step::Wait(hours) => now += i64::from(hours),
                    Step::Deploy => {
                        project += 1;
                        stale.insert(99);
                    }
                    Step::Live(tables) => {
                        let mut plan = plan(&stored);
                        let tables = tables.iter().map(name).collect();
                        plan.begin(&BuildSet::Live { tables, rows: None });
                        stored = Some(plan.text());
                        stale.extend(plan.pending.iter().filter_map(|table| table[1..].parse::<u8>().ok()));
                    }
                    Step::Call(tables, end) => {
                        stale.extend(tables.clone().unwrap_or_else(|| [99].into()));
                        let body = match &tables {
                            Some(tables) => serde_json::json!({"sync_info": {"changed_tables": tables.iter().map(name).collect::<Vec<_>>()}}),
                            None => serde_json::json!({}),
                        };
                        let mut plan = plan(&stored);
                        let built = plan.choose(&run(&body.to_string()), true, at(now));
                        plan.begin(&built);
                        stored = Some(plan.text());
                        let well = matches!(end, End::Well | End::WellUnnoted);
                        if well {
                            match &built {
                                BuildSet::All => stale.clear(),
                                BuildSet::Changed(tables) => stale.retain(|table| !tables.contains(&name(table))),
                                _ => {}
                            }
                            prop_assert_eq!(&stale, &BTreeSet::new(), "after {:?}", built);
                        }
                        if matches!(end, End::Well | End::Failed) {
                            plan.end(&built, well, at(now));
                            stored = Some(plan.text());
                        }
                    }
                }
            }
        }
    }
}
