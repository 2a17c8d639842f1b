{{ config(tags=['nightly']) }}

-- The incremental table is what a full refresh would make, but for the ids of those whom notes name, which are kept when somebody is
-- renamed. Reads all notes, so it runs locally by default and elsewhere with --vars 'check_incremental: true'.
{{ config(enabled=var('check_incremental', target.name == 'local')) }}

{% set fresh %}(
    select
        {{ note_columns() | indent(8) }}
    from {{ source('gitlab', 'mr_notes') }}
){% endset %}

{{ differences_from_full_refresh(ref('int_note_kinds'), fresh, 'note_id', leave_out=['named_user_ids']) }}
