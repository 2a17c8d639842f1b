-- Comments by people, the author's too; system notes and bots do not count.
select
    notes.merge_request_id,
    count(*) as comments_count,
    countif(notes.created_at > timestamp_sub({{ now() }}, interval 24 hour)) as comments_count_24h,
    max(notes.created_at) as last_comment_at
from {{ ref('int_note_kinds') }} as notes
left join {{ ref('int_users') }} as users
    on notes.author_id = users.user_id
where notes.kind = 'comment' and not coalesce(users.is_bot, false)
group by notes.merge_request_id
