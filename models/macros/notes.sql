{#- What a note tells of. GitLab has no list of reviews, pushes and toggles: it writes system notes, in these words since 2018 (the
    older ones are marked). `deleted` is a note that GitLab no longer has. -#}
{% macro note_kind(body, is_system, is_deleted) -%}
case
    when {{ is_deleted }} then 'deleted'
    when not {{ is_system }} then 'comment'
    when starts_with({{ body }}, 'approved this merge request') then 'approval'
    when starts_with({{ body }}, 'unapproved this merge request') then 'unapproval'
    when starts_with({{ body }}, 'requested changes') then 'change_request'
    -- One note of whoever pushed, that names whose approvals the push took back.
    when starts_with({{ body }}, 'reset approvals from ') then 'approvals_reset'
    when regexp_contains({{ body }}, r'^added \d+ (new )?commits?') then 'push'
    -- `marked as a **Work In Progress**` and `unmarked as …` are GitLab's words before 2020.
    when regexp_contains({{ body }}, r'^marked .*\*\*(draft|Work In Progress)\*\*') then 'draft'
    when regexp_contains({{ body }}, r'^(un)?marked .*\*\*(draft|ready|Work In Progress)\*\*') then 'ready'
    -- Until version 13; since then state events tell. `closed via merge request !12`, `closed via commit 0123abc` and plain `closed`.
    when regexp_contains({{ body }}, r'^closed\b') then 'closed'
    when regexp_contains({{ body }}, r'^reopened\b') then 'reopened'
    when regexp_contains({{ body }}, r'^merged\b') then 'merged'
    else 'other'
end
{%- endmacro %}

{#- A note as int_note_kinds keeps it, from the raw table. -#}
{% macro note_columns() -%}
id as note_id,
project_id,
merge_request_id,
author_id,
{{ note_kind('coalesce(body, \'\')', 'coalesce(`system`, false)', 'coalesce(_deleted, false)') }} as kind,
-- Whose approvals a push took back, as they were called that day: `reset approvals from @a, @b, and @c by pushing to the branch`.
regexp_extract_all(
    if(coalesce(`system`, false) and starts_with(coalesce(body, ''), 'reset approvals from '), body, ''), r'@([0-9A-Za-z_.-]+)'
) as approver_usernames,
created_at,
_synced_at as synced_at,
{{ rules_version('int_note_kinds') }} as rules_version
{%- endmacro %}
