{#- What a note tells of. GitLab has no list of reviews, pushes and toggles: it writes system notes, in these words since 2018 (the
    older ones are marked). `deleted` is a note that GitLab no longer has. -#}
{% macro note_kind(body, is_system, is_deleted) %}{{ return(adapter.dispatch('note_kind', 'mergemind')(body, is_system, is_deleted)) }}{% endmacro %}
{% macro default__note_kind(body, is_system, is_deleted) -%}
case
    when {{ is_deleted }} then 'deleted'
    when not {{ is_system }} then 'comment'
    when starts_with({{ body }}, 'approved this merge request') then 'approval'
    when starts_with({{ body }}, 'unapproved this merge request') then 'unapproval'
    when starts_with({{ body }}, 'requested changes') then 'change_request'
    -- The same words the second time; then, if the person had approved, with `and removed approval` behind.
    when starts_with({{ body }}, 'requested review from ') then 'review_request'
    when starts_with({{ body }}, 'removed review request for ') then 'review_request_removed'
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
-- Whom it names, as they were called that day: `reset approvals from @a, @b, and @c by pushing to the branch`.
regexp_extract_all(
    if(
        coalesce(`system`, false)
        and regexp_contains(coalesce(body, ''), r'^(reset approvals from|requested review from|removed review request for) '),
        body, ''
    ),
    r'@([0-9A-Za-z_.-]+)'
) as named_usernames,
coalesce(`system`, false) and not coalesce(_deleted, false) and regexp_contains(
    coalesce(body, ''), r'^(reset approvals from .*|requested review from .* removed approval)'
) as has_taken_back_approvals,
created_at,
_synced_at as synced_at,
{{ rules_version('int_note_kinds') }} as rules_version
{%- endmacro %}

{#- Notes with the ids of those whom they name. `notes` is a relation with note_columns(); `kept` a table of earlier ids, which stay: a
    name can be another person's by now. -#}
{% macro with_named_users(notes, kept=none) %}
named as (
    select notes.note_id, array_agg(users.id order by users.id) as user_ids
    from {{ notes }} as notes
    cross join unnest(notes.named_usernames) as named_username
    inner join {{ source('gitlab', 'users') }} as users
        on named_username = users.username
    group by notes.note_id
)

select
    notes.note_id,
    notes.project_id,
    notes.merge_request_id,
    notes.author_id,
    notes.kind,
    notes.named_usernames,
    {% if kept -%}
    if(array_length(kept.named_user_ids) > 0, kept.named_user_ids, named.user_ids) as named_user_ids,
    {%- else -%}
    named.user_ids as named_user_ids,
    {%- endif %}
    notes.has_taken_back_approvals,
    notes.created_at,
    notes.synced_at,
    notes.rules_version
from {{ notes }} as notes
left join named
    on notes.note_id = named.note_id
{%- if kept %}
left join {{ kept }} as kept
    on notes.note_id = kept.note_id
{%- endif %}
{% endmacro %}
