{#- Whether an account is a bot: GitLab says so, or the variables bot_usernames and bot_username_patterns do. -#}
{% macro is_bot(flag, username) -%}
(
    coalesce({{ flag }}, false)
    {%- if var('bot_usernames') %}
    or regexp_contains(lower({{ username }}), {{ regex('^(' ~ any_of(var('bot_usernames')) ~ ')$') }})
    {%- endif %}
    {%- if var('bot_username_patterns') %}
    or regexp_contains(lower({{ username }}), {{ regex(var('bot_username_patterns') | join('|')) }})
    {%- endif %}
)
{%- endmacro %}

{#- Whether an account stands for deleted ones. -#}
{% macro is_ghost(username) -%}
coalesce(regexp_contains(lower({{ username }}), {{ regex('^(' ~ any_of(var('ghost_usernames')) ~ ')[0-9]*$') }}), false)
{%- endmacro %}

{#- A regular expression as a literal of SQL. -#}
{% macro regex(pattern) %}r'{{ pattern | replace("'", "\\x27") }}'{% endmacro %}

{#- A regular expression for any of these texts in lower case, letter by letter; for none of an empty list. -#}
{% macro any_of(texts) -%}
{%- set escaped = [] -%}
{%- for text in texts -%}{%- do escaped.append(modules.re.escape(text | lower)) -%}{%- endfor -%}
{{ return(escaped | join('|') if escaped else '[^\\s\\S]') }}
{%- endmacro %}
