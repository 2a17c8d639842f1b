//! Texts that stand where a secret should be.

/// Whole values that documentation, templates and tutorials use in a secret's place.
const PLACEHOLDERS: &[&str] = &[
    "api-key",
    "auth-token",
    "bearer",
    "change-me",
    "changeit",
    "changeme",
    "default",
    "dummy",
    "example",
    "fixme",
    "foo",
    "foobar",
    "glpat-xxx",
    "insert-token-here",
    "my-secret",
    "my-token",
    "none",
    "null",
    "password",
    "placeholder",
    "replace-me",
    "replaceme",
    "sample",
    "secret",
    "tbd",
    "todo",
    "token",
    "undefined",
];

/// Whether `value` is a placeholder that somebody forgot to replace: `changeme`, `your-token`,
/// `<token>`, `${TOKEN}`, `xxxx` … Such a value would leave a function open to everyone who reads
/// documentation.
#[must_use]
pub fn looks_like_placeholder(value: &str) -> bool {
    let value = value.trim().to_lowercase().replace(['_', ' '], "-");
    let bracketed = [
        ("<", ">"),
        ("[", "]"),
        ("{", "}"),
        ("${", "}"),
        ("{{", "}}"),
        ("%", "%"),
    ]
    .iter()
    .any(|(open, close)| value.len() > open.len() && value.starts_with(open) && value.ends_with(close));
    let mut letters = value.chars().filter(|c| *c != '-');
    let one_letter = letters.next().is_some_and(|first| letters.all(|c| c == first));
    bracketed
        || one_letter
        || PLACEHOLDERS.contains(&value.as_str())
        || value.starts_with("your-")
        || value.starts_with("change-me")
        || value.starts_with("changeme")
        || value.starts_with("replace-with")
        || value.starts_with("glpat-xxx")
        || value.ends_with("-here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_known() {
        for value in [
            "changeme",
            "CHANGE_ME",
            "change-me-please",
            "your-token",
            "your_auth_token",
            "<token>",
            "${AUTH_TOKEN}",
            "secret",
            "xxxxxxxx",
            "token",
            "put-your-token-here",
            "...",
            "****",
            "glpat-xxxxxxxxxxxx",
        ] {
            assert!(looks_like_placeholder(value), "{value}");
        }
    }

    #[test]
    fn real_and_test_tokens_are_let_through() {
        for value in [
            "test-token",
            "demo-token-1",
            "glpat-Ab3dEf",
            "3f9c2b7a90",
            "s3cr3t!",
            "",
        ] {
            assert!(!looks_like_placeholder(value), "{value}");
        }
    }
}
