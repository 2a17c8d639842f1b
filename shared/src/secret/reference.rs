//! Where a secret lives in Secret Manager: `sm://projects/P/secrets/S[/versions/V]`.

use std::fmt;

/// The beginning of every reference.
pub(crate) const SCHEME: &str = "sm://";
/// The version that is meant when none is named: it changes when the secret is rotated.
const LATEST: &str = "latest";

/// A secret's place. It is no secret itself: errors name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    project: String,
    secret: String,
    version: String,
}

impl Reference {
    /// Reads `sm://projects/P/secrets/S` or `sm://projects/P/secrets/S/versions/V`.
    ///
    /// # Errors
    /// The end of a sentence that begins with the setting's name. The text is not repeated: somebody may
    /// have put a secret there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "must have the form sm://projects/PROJECT/secrets/SECRET or …/versions/VERSION".to_owned();
        let parts: Vec<&str> = text.strip_prefix(SCHEME).ok_or_else(wrong)?.split('/').collect();
        let (project, secret, version) = match parts[..] {
            ["projects", project, "secrets", secret] => (project, secret, LATEST),
            ["projects", project, "secrets", secret, "versions", version] => (project, secret, version),
            _ => return Err(wrong()),
        };
        // They go into an address, and Google allows no more in them.
        let valid = |part: &str, also: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
        };
        if !valid(project, "-.:") || !valid(secret, "-_") || !valid(version, "-_") {
            return Err(wrong());
        }
        Ok(Self {
            project: project.into(),
            secret: secret.into(),
            version: version.into(),
        })
    }

    /// Whether the secret can be another one tomorrow: a version with a number never changes.
    #[must_use]
    pub fn can_change(&self) -> bool {
        !self.version.bytes().all(|b| b.is_ascii_digit())
    }
}

/// The resource name that Secret Manager's API takes.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            project,
            secret,
            version,
        } = self;
        write!(f, "projects/{project}/secrets/{secret}/versions/{version}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_are_read() {
        let latest = Reference::parse("sm://projects/p-1/secrets/token").expect("valid");
        assert_eq!(latest.to_string(), "projects/p-1/secrets/token/versions/latest");
        assert!(latest.can_change());
        let pinned = Reference::parse("sm://projects/p-1/secrets/token/versions/3").expect("valid");
        assert!(!pinned.can_change());
    }

    #[test]
    fn anything_else_is_refused_without_being_repeated() {
        for text in [
            "sm://",
            "sm://hunter2",
            "sm://projects/p/secrets/",
            "sm://projects/p/secrets/s/versions/",
            "sm://projects/p/secrets/s/versions/1/x",
            "sm://projects/p/secrets/../versions/1",
            "sm://projects/p/secrets/s?x",
        ] {
            let problem = Reference::parse(text).expect_err(text);
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "sm://\\PC{0,60}") {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert!(reference.to_string().starts_with("projects/"));
            }
        }
    }
}
