-- The incremental table is what a full refresh would make. Reads all notes, so it runs locally by default
-- and elsewhere with --vars 'check_incremental: true'.
{{ config(enabled=var('check_incremental', target.name == 'local')) }}

with fresh_rows as (
    select
        {{ note_columns() | indent(8) }}
    from {{ source('gitlab', 'mr_notes') }}
),

fresh as (
    select note_id, to_json_string(fresh_row) as content
    from fresh_rows as fresh_row
),

built as (
    select note_id, to_json_string(built_row) as content
    from {{ ref('int_note_kinds') }} as built_row
)

select
    coalesce(fresh.note_id, built.note_id) as note_id,
    fresh.content as expected,
    built.content as found
from fresh
full outer join built on fresh.note_id = built.note_id
where coalesce(fresh.content, '') != coalesce(built.content, '')
