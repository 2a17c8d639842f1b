//! How projects and groups come, move and go.

use super::{Owner, Project, World, is_below};

impl World {
    /// Takes a project out with everything in it. GitLab leaves no tombstone.
    pub fn remove_project(&mut self, id: u64) -> Option<Project> {
        let row = self.projects.get(id)?;
        let merge_requests: Vec<u64> = row.by_iid.values().copied().collect();
        let issues: Vec<u64> = row.issues.by_iid.values().copied().collect();
        for row in merge_requests {
            self.remove_merge_request(row);
        }
        for row in issues {
            self.remove_issue(row);
        }
        let row = self.projects.remove(id)?;
        for pipeline in &row.pipelines {
            self.pipelines.remove(*pipeline);
        }
        self.labels.retain(|label| label.owner != Owner::Project(id));
        self.milestones
            .retain(|milestone| milestone.owner != Owner::Project(id));
        self.project_paths.remove(&row.full_path().to_lowercase());
        Some(row)
    }

    /// Changes a project's name, path or namespace. GraphQL knows it by the new path only from then on.
    pub fn move_project(&mut self, id: u64, change: impl FnOnce(&mut Project)) {
        let Some(row) = self.projects.get_mut(id) else { return };
        let before = row.full_path().to_lowercase();
        change(row);
        let after = row.full_path().to_lowercase();
        self.project_paths.remove(&before);
        self.project_paths.insert(after, id);
    }

    /// Gives a group another name and the last part of its path; all that is below moves with it.
    pub fn rename_group(&mut self, id: u64, name: &str, path: &str) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let before = group.full_path.clone();
        let after = match before.rsplit_once('/') {
            Some((parent, _)) => format!("{parent}/{path}"),
            None => path.to_owned(),
        };
        group.name = name.to_owned();
        for group in self.groups.iter_mut() {
            if is_below(&group.full_path, &before) {
                group.full_path.replace_range(..before.len(), &after);
            }
        }
        let inside: Vec<u64> = self
            .projects
            .iter()
            .filter(|project| is_below(&project.namespace, &before))
            .map(|project| project.id)
            .collect();
        for project in inside {
            let mut namespace = self.projects.get(project).expect("just found").namespace.clone();
            namespace.replace_range(..before.len(), &after);
            let named = self.namespace_name(&namespace);
            self.move_project(project, |row| {
                row.namespace = namespace;
                row.namespace_name = named;
            });
        }
    }

    /// The names of a group and those above it, such as `Acme / Platform`.
    pub fn namespace_name(&self, full_path: &str) -> String {
        let names: Vec<&str> = self
            .groups
            .iter()
            .filter(|group| is_below(full_path, &group.full_path))
            .map(|group| group.name.as_str())
            .collect();
        names.join(" / ")
    }

    /// Whether what belongs to `owner` can be used in a project: it is the project's own or a group's above it.
    pub fn is_available(&self, owner: Owner, project: &Project) -> bool {
        match owner {
            Owner::Project(id) => id == project.id,
            Owner::Group(id) => self
                .groups
                .get(id)
                .is_some_and(|group| is_below(&project.namespace, &group.full_path)),
        }
    }

    /// Whether what belongs to `owner` lies in the group at `full_path` or below it.
    pub fn is_inside(&self, owner: Owner, full_path: &str) -> bool {
        match owner {
            Owner::Project(id) => self
                .projects
                .get(id)
                .is_some_and(|project| is_below(&project.namespace, full_path)),
            Owner::Group(id) => self
                .groups
                .get(id)
                .is_some_and(|group| is_below(&group.full_path, full_path)),
        }
    }
}
