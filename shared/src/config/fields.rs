//! A JSON object whose fields are all seen.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value as Json};

/// The fields of a JSON object as they were written. A map would silently keep the last of two with one name, and what
/// one reader checks would not be what another one takes.
#[derive(Debug)]
pub struct Fields(Vec<(String, Json)>);

impl Fields {
    /// A name that two fields have, in whatever case: settings are read so.
    #[must_use]
    pub fn named_twice(&self) -> Option<&str> {
        let mut seen = std::collections::HashSet::new();
        let again = self.0.iter().find(|(name, _)| !seen.insert(name.to_uppercase()));
        again.map(|(name, _)| name.as_str())
    }

    /// The fields by name.
    #[must_use]
    pub fn into_map(self) -> Map<String, Json> {
        self.0.into_iter().collect()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_fields_of_one_name_are_seen_in_whatever_case() {
        let twice = |text: &str| {
            let fields: Fields = serde_json::from_str(text).expect("an object");
            fields.named_twice().map(ToOwned::to_owned)
        };
        assert_eq!(twice(r#"{"a": 1, "b": {"a": 2}}"#), None);
        assert_eq!(twice(r#"{"a": 1, "a": 1}"#).as_deref(), Some("a"));
        assert_eq!(
            twice(r#"{"GITLAB_TOKEN": "x", "gitlab_token": "y"}"#).as_deref(),
            Some("gitlab_token")
        );
        assert_eq!(
            twice("{\"gitlab_token\": 1, \"g\u{131}tlab_token\": 2}").as_deref(),
            Some("g\u{131}tlab_token")
        );
        assert!(serde_json::from_str::<Fields>("[]").is_err());
        assert!(serde_json::from_str::<Fields>("{} {}").is_err());
    }
}
