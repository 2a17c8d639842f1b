{{ config(tags=['nightly'], enabled=var('has_ledger')) }}

-- Each comparison is there once, and one that found no difference shows none.
with problems as (
    select ledger.project_id, ledger.stream
    from {{ source('gitlab', '_ledger') }} as ledger
    left join {{ ref('completeness') }} as mart
        on ledger.project_id = mart.project_id and ledger.stream = mart.stream
    where not ledger._deleted and (mart.project_id is null or ledger.equal != mart.is_equal)
    union all
    select project_id, stream from {{ ref('completeness') }} where is_equal and missing_count != 0
)

select * from problems
