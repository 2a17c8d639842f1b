//! Which rows a caller has changed, where these are few.

use std::collections::BTreeSet;

use serde_json::Value;

/// The most merge requests that a run is narrowed to: each stands in the statements, and of many a whole build is quicker.
const MOST: usize = 500;

/// Merge requests that changed, and the projects that they and their branches are in, by GitLab's ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedRows {
    pub merge_requests: BTreeSet<i64>,
    /// What belongs to them is in no other project.
    pub projects: BTreeSet<i64>,
}

impl ChangedRows {
    /// From `{"merge_requests": [ids], "projects": [ids]}`; `None` if it is anything else, or too many.
    pub fn read(value: &Value) -> Option<Self> {
        let ids = |name: &str| -> Option<BTreeSet<i64>> {
            let ids = value.get(name)?.as_array()?;
            (ids.len() <= MOST).then(|| ids.iter().map(Value::as_i64).collect())?
        };
        let rows = Self {
            merge_requests: ids("merge_requests")?,
            projects: ids("projects")?,
        };
        rows.is_narrow().then_some(rows)
    }

    /// These and others; `None` if that is too many.
    pub fn and(mut self, others: Self) -> Option<Self> {
        self.merge_requests.extend(others.merge_requests);
        self.projects.extend(others.projects);
        self.is_narrow().then_some(self)
    }

    fn is_narrow(&self) -> bool {
        let few = |ids: &BTreeSet<i64>| (1..=MOST).contains(&ids.len());
        few(&self.merge_requests) && few(&self.projects)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(merge_requests: &[i64], projects: &[i64]) -> ChangedRows {
        ChangedRows {
            merge_requests: merge_requests.iter().copied().collect(),
            projects: projects.iter().copied().collect(),
        }
    }

    #[test]
    fn ids_are_read_and_nothing_else() {
        let read = ChangedRows::read(&json!({"merge_requests": [7, 5, 7], "projects": [1], "more": "x"}));
        assert_eq!(read, Some(of(&[5, 7], &[1])));
        let many: Vec<usize> = (0..=MOST).collect();
        for unusable in [
            json!({}),
            json!(null),
            json!({"merge_requests": [1]}),
            json!({"merge_requests": [], "projects": [1]}),
            json!({"merge_requests": [1], "projects": []}),
            json!({"merge_requests": ["1"], "projects": [1]}),
            json!({"merge_requests": [1.5], "projects": [1]}),
            json!({"merge_requests": many, "projects": [1]}),
        ] {
            assert_eq!(ChangedRows::read(&unusable), None, "{unusable}");
        }
    }

    #[test]
    fn together_they_are_all_or_too_many() {
        assert_eq!(of(&[1], &[1]).and(of(&[2], &[1, 3])), Some(of(&[1, 2], &[1, 3])));
        let many: Vec<i64> = (0..MOST as i64).collect();
        assert_eq!(of(&many, &[1]).and(of(&[-1], &[1])), None);
    }
}
