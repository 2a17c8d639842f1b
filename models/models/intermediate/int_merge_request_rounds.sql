-- How often a merge request went from the reviewers back to its author: a round is one or more reviews in a row, until the
-- author pushes or answers. One row per merge request.
select
    merge_request_id,
    countif(is_end_of_round) as review_rounds_count
from {{ ref('int_merge_request_moves') }}
group by merge_request_id
