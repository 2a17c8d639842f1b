//! Which column of a raw table stands where in the JSON of which list.

/// A list: its table, its owner, its address below the owner, and for each column where the JSON has it, `=…`
/// being the owner's own. The first `key` columns are the primary key.
pub struct List {
    pub table: &'static str,
    pub owner: &'static str,
    pub below: &'static str,
    pub key: usize,
    /// `<column> <place>`, with commas between.
    pub columns: &'static str,
}

impl List {
    /// Each column with its place.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let pairs = self.columns.split(',').map(str::trim);
        pairs.map(|pair| pair.split_once(' ').expect("a column and its place"))
    }
}

pub const LISTS: &[List] = &[
    List {
        table: "commits",
        owner: "projects",
        below: "repository/commits?with_stats=true&",
        key: 2,
        columns: "project_id =id, sha /id, short_sha /short_id, title /title, message /message, author_name /author_name, \
            author_email /author_email, authored_at /authored_date, committer_name /committer_name, committer_email \
            /committer_email, committed_at /committed_date, parent_shas /parent_ids, additions /stats/additions, \
            deletions /stats/deletions, web_url /web_url",
    },
    List {
        table: "branches",
        owner: "projects",
        below: "repository/branches?",
        key: 2,
        columns: "project_id =id, name /name, commit_sha /commit/id, merged /merged, protected /protected, is_default \
            /default, developers_can_push /developers_can_push, developers_can_merge /developers_can_merge, \
            committed_at /commit/committed_date, web_url /web_url",
    },
    List {
        table: "tags",
        owner: "projects",
        below: "repository/tags?",
        key: 2,
        columns: "project_id =id, name /name, message /message, target_sha /target, commit_sha /commit/id, committed_at \
            /commit/committed_date, protected /protected",
    },
    List {
        table: "releases",
        owner: "projects",
        below: "releases?",
        key: 2,
        columns: "project_id =id, tag_name /tag_name, name /name, description /description, author_id /author/id, \
            commit_sha /commit/id, upcoming_release /upcoming_release, created_at /created_at, released_at \
            /released_at",
    },
    List {
        table: "jobs",
        owner: "projects",
        below: "jobs?",
        key: 1,
        columns: "id /id, project_id =id, pipeline_id /pipeline/id, name /name, stage /stage, status /status, ref /ref, \
            tag /tag, allow_failure /allow_failure, failure_reason /failure_reason, user_id /user/id, commit_sha \
            /commit/id, created_at /created_at, started_at /started_at, finished_at /finished_at, erased_at \
            /erased_at, duration_seconds /duration, queued_duration_seconds /queued_duration, coverage /coverage, \
            web_url /web_url",
    },
    List {
        table: "deployments",
        owner: "projects",
        below: "deployments?order_by=updated_at&sort=desc&",
        key: 1,
        columns: "id /id, iid /iid, project_id =id, environment_id /environment/id, environment_name /environment/name, \
            status /status, ref /ref, sha /sha, user_id /user/id, job_id /deployable/id, created_at /created_at, \
            updated_at /updated_at, finished_at /deployable/finished_at",
    },
    List {
        table: "deployment_merge_requests",
        owner: "deployments",
        below: "merge_requests?",
        key: 2,
        columns: "deployment_id =id, merge_request_id /id, project_id /project_id",
    },
    List {
        table: "mr_details",
        owner: "projects",
        below: "merge_requests?",
        key: 1,
        columns: "merge_request_id /id, project_id =id, squash_commit_sha /squash_commit_sha, closed_by_id /closed_by/id, \
            updated_at /updated_at",
    },
    List {
        table: "issue_label_events",
        owner: "issues",
        below: "resource_label_events?",
        key: 1,
        columns: "id /id, project_id =project_id, issue_id /resource_id, user_id /user/id, label_id /label/id, \
            label_title /label/name, action /action, created_at /created_at",
    },
    List {
        table: "issue_state_events",
        owner: "issues",
        below: "resource_state_events?",
        key: 1,
        columns: "id /id, project_id =project_id, issue_id /resource_id, user_id /user/id, state /state, created_at /created_at",
    },
    List {
        table: "environments",
        owner: "projects",
        below: "environments?",
        key: 1,
        columns: "id /id, project_id =id, name /name, slug /slug, state /state, tier /tier, external_url /external_url, \
            created_at /created_at, updated_at /updated_at",
    },
    List {
        table: "vulnerabilities",
        owner: "projects",
        below: "vulnerabilities?",
        key: 1,
        columns: "id /id, project_id /project/id, title /title, description /description, state /state, severity \
            /severity, report_type /report_type, created_at /created_at, updated_at /updated_at, confirmed_at \
            /confirmed_at, resolved_at /resolved_at, dismissed_at /dismissed_at",
    },
    List {
        table: "epics",
        owner: "groups",
        below: "epics?include_descendant_groups=false&",
        key: 1,
        columns: "id /id, iid /iid, group_id /group_id, title /title, description /description, state /state, author_id \
            /author/id, parent_id /parent_id, labels /labels, start_date /start_date, due_date /due_date, web_url \
            /web_url, upvotes /upvotes, downvotes /downvotes, created_at /created_at, updated_at /updated_at, \
            closed_at /closed_at",
    },
    List {
        table: "epic_issues",
        owner: "epics",
        below: "issues?",
        key: 1,
        columns: "id /epic_issue_id, group_id =group_id, epic_id =id, issue_id /id, project_id /project_id",
    },
    List {
        table: "iterations",
        owner: "groups",
        below: "iterations?include_ancestors=false&",
        key: 1,
        columns: "id /id, iid /iid, group_id /group_id, sequence /sequence, title /title, description /description, state \
            /state, start_date /start_date, due_date /due_date, web_url /web_url, created_at /created_at, updated_at \
            /updated_at",
    },
    List {
        table: "members",
        owner: "groups",
        below: "members?",
        key: 3,
        columns: MEMBER,
    },
    List {
        table: "members",
        owner: "projects",
        below: "members?",
        key: 3,
        columns: MEMBER,
    },
    List {
        table: "variables",
        owner: "groups",
        below: "variables?",
        key: 4,
        columns: VARIABLE,
    },
    List {
        table: "variables",
        owner: "projects",
        below: "variables?",
        key: 4,
        columns: VARIABLE,
    },
    List {
        table: "issue_boards",
        owner: "groups",
        below: "boards?",
        key: 1,
        columns: BOARD,
    },
    List {
        table: "issue_boards",
        owner: "projects",
        below: "boards?",
        key: 1,
        columns: BOARD,
    },
    List {
        table: "mr_commits",
        owner: "merge_requests",
        below: "commits?",
        key: 2,
        columns: "merge_request_id =id, sha /id, project_id =project_id, short_sha /short_id, title /title, author_name \
            /author_name, author_email /author_email, authored_at /authored_date, committed_at /committed_date",
    },
    List {
        table: "mr_state_events",
        owner: "merge_requests",
        below: "resource_state_events?",
        key: 1,
        columns: "id /id, project_id =project_id, merge_request_id /resource_id, user_id /user/id, state /state, \
            created_at /created_at",
    },
    List {
        table: "mr_label_events",
        owner: "merge_requests",
        below: "resource_label_events?",
        key: 1,
        columns: "id /id, project_id =project_id, merge_request_id /resource_id, user_id /user/id, label_id /label/id, \
            label_title /label/name, action /action, created_at /created_at",
    },
];

const MEMBER: &str = "source_type =source_type, source_id =id, user_id /id, username /username, name /name, state /state, access_level \
    /access_level, membership_state /membership_state, created_at /created_at, expires_at /expires_at";

const VARIABLE: &str = "source_type =source_type, source_id =id, key /key, environment_scope /environment_scope, variable_type \
    /variable_type, protected /protected, masked /masked, raw /raw, description /description";

const BOARD: &str = "id /id, group_id /group/id, project_id /project/id, name /name";
