{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='note_id',
        on_schema_change='append_new_columns',
        full_refresh=false,
        partition_by={'field': 'created_at', 'data_type': 'timestamp', 'granularity': 'month'},
        cluster_by=['merge_request_id', 'kind'],
        meta={'merge_by_month': true}
    )
}}

-- What each note tells of, so that the texts of notes, by far the most of what a build could read, are read once after each change.
-- Each row is compared with what it was built from, so there is no watermark that a late commit could slip under. Deleted notes stay,
-- as such: their merge requests changed.
-- Whom a note names is kept as an id when the note is first read, because people can be renamed. A full refresh of the project
-- therefore leaves this table alone; other rules make its rows anew and keep the ids.
{% if is_incremental() and has_all_columns() -%}
{%- set differs -%}
built.note_id is null
or notes._synced_at != built.synced_at
or coalesce(built.rules_version, '') != {{ rules_version('int_note_kinds') }}
{%- endset -%}
{%- set changed -%}
select notes.created_at
from {{ source('gitlab', 'mr_notes') }} as notes
left join {{ this }} as built on notes.id = built.note_id
where {{ differs }}
{%- endset -%}
{%- set months = months_of(changed) if execute else [] -%}
with built as (
    select * from {{ this }} where {{ in_months('created_at', months) }}
),

changed_notes as (
    select notes.*
    from {{ source('gitlab', 'mr_notes') }} as notes
    left join built
        on notes.id = built.note_id
    where
        {{ in_months('notes.created_at', months) }}
        and ({{ differs | indent(8) }})
),

classified as (
    select
        {{ note_columns() | indent(8) }}
    from changed_notes
),

{{ with_named_users('classified', 'built') }}
{%- elif var('live_merge_requests', []) -%}
-- The rows of a few merge requests, as the next build leaves them in the table.
with built as (
    select * from {{ this }} where {{ of_live_merge_requests('merge_request_id', '') }}
),

compared as (
    select notes.*, coalesce(
        built.synced_at = notes._synced_at and built.rules_version = {{ rules_version('int_note_kinds') }}, false
    ) as is_built
    from {{ source('gitlab', 'mr_notes') }} as notes
    left join built
        on notes.id = built.note_id
    where {{ of_live_merge_requests('notes.merge_request_id', '') }}
),

classified as (
    select
        {{ note_columns() | indent(8) }}
    from compared
    where not is_built
),

{{ with_named_users('classified', 'built') }}
union all
select
    built.note_id,
    built.project_id,
    built.merge_request_id,
    built.author_id,
    built.kind,
    built.named_usernames,
    built.named_user_ids,
    built.has_taken_back_approvals,
    built.created_at,
    built.synced_at,
    built.rules_version
from built
-- What the raw table no longer has stays, as it does in a build.
where built.note_id not in (select id from compared where not is_built)
{%- else -%}
with classified as (
    select
        {{ note_columns() | indent(8) }}
    from {{ source('gitlab', 'mr_notes') }}
),

{{ with_named_users('classified') }}
{%- endif %}
