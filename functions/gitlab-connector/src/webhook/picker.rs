//! Picks the few values that are needed out of a payload while it comes. GitLab sends up to 25 MB, of which the names of
//! a project and of what changed are less than a kilobyte.
//!
//! No library does this: serde's reader waits for its source, so that each delivery would need a thread, and keeps what it
//! has not understood yet. This keeps a kilobyte, whatever comes: bytes that are not UTF-8, depth without end, no JSON.

use serde_json::{Map, Value, json};

/// The values that are wanted, each with the object at the payload's top that it is in; `""`: at the top itself.
const WANTED: [(&str, &str); 7] = [
    ("", "object_kind"),
    ("", "ref"),
    ("project", "path_with_namespace"),
    ("object_attributes", "iid"),
    ("object_attributes", "sha"),
    ("merge_request", "iid"),
    ("issue", "iid"),
];
/// The longest name or value that is kept, in bytes: a path in GitLab has 255 for each of its up to 21 parts.
const LONGEST: usize = 8 * 1024;

/// Takes a payload in pieces.
#[derive(Debug, Default)]
pub struct Picker {
    /// How many objects and arrays are open.
    depth: usize,
    /// Of the outer two: whether it is an object, and the name whose value is coming.
    open: [Container; 2],
    /// Whether a name comes next rather than a value.
    expects_name: bool,
    text: Option<Text>,
    /// The name or value that is coming, without quotes.
    kept: Vec<u8>,
    picked: Map<String, Value>,
}

#[derive(Debug, Default)]
struct Container {
    is_object: bool,
    name: String,
}

/// What is between quotes, or a number or word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Quoted { escaped: bool },
    Bare,
}

impl Picker {
    /// Takes the next piece.
    pub fn take(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(&byte) = rest.first() {
            let length = match self.text {
                Some(Text::Quoted { escaped: false }) => {
                    let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
                    plain.unwrap_or(rest.len())
                }
                _ => 0,
            };
            if length > 0 {
                self.keep(&rest[..length]);
                rest = &rest[length..];
            } else {
                self.next(byte);
                rest = &rest[1..];
            }
        }
    }

    /// What was found, in the payload's own shape.
    pub fn picked(self) -> Value {
        Value::Object(self.picked)
    }

    fn next(&mut self, byte: u8) {
        match (self.text, byte) {
            (Some(Text::Quoted { escaped: false }), b'"') => self.end_of_text(),
            (Some(Text::Quoted { escaped }), _) => {
                self.keep(&[byte]);
                let escaped = !escaped && byte == b'\\';
                self.text = Some(Text::Quoted { escaped });
            }
            (_, b'"') => self.text = Some(Text::Quoted { escaped: false }),
            (_, b'{' | b'[') => self.enter(byte == b'{'),
            (_, b'}' | b']') => {
                self.end_of_bare();
                self.depth = self.depth.saturating_sub(1);
                self.expects_name = false;
            }
            (_, b',') => {
                self.end_of_bare();
                self.expects_name = self.innermost().is_some_and(|open| open.is_object);
            }
            (_, b':') => self.expects_name = false,
            (_, b' ' | b'\t' | b'\r' | b'\n') => self.end_of_bare(),
            _ => {
                self.text = Some(Text::Bare);
                self.keep(&[byte]);
            }
        }
    }

    fn enter(&mut self, is_object: bool) {
        self.depth += 1;
        self.expects_name = is_object;
        if let Some(open) = self.innermost() {
            *open = Container {
                is_object,
                name: String::new(),
            };
        }
    }

    fn innermost(&mut self) -> Option<&mut Container> {
        self.open.get_mut(self.depth.checked_sub(1)?)
    }

    fn keep(&mut self, bytes: &[u8]) {
        // Deeper ones are never wanted.
        if self.depth <= self.open.len() && self.kept.len() + bytes.len() <= LONGEST {
            self.kept.extend_from_slice(bytes);
        }
    }

    fn end_of_bare(&mut self) {
        if self.text == Some(Text::Bare) {
            let value = serde_json::from_slice(&self.kept).unwrap_or_default();
            self.end_of_value(value);
        }
    }

    fn end_of_text(&mut self) {
        let text = String::from_utf8_lossy(&self.kept);
        // What no text can be, such as half a surrogate pair, stays as it was written.
        let text = serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.into_owned());
        if std::mem::take(&mut self.expects_name) {
            self.text = None;
            self.kept.clear();
            if let Some(open) = self.innermost() {
                open.name = text;
            }
        } else {
            self.end_of_value(json!(text));
        }
    }

    fn end_of_value(&mut self, value: Value) {
        self.text = None;
        self.kept.clear();
        let [top, second] = &self.open;
        let (object, name) = match self.depth {
            1 => ("", &top.name),
            2 if second.is_object && !top.name.is_empty() => (top.name.as_str(), &second.name),
            _ => return,
        };
        if !top.is_object || !WANTED.contains(&(object, name)) {
            return;
        }
        match object {
            "" => self.picked.insert(name.clone(), value),
            object => {
                let inner = self.picked.entry(object).or_insert_with(|| json!({}));
                inner
                    .as_object_mut()
                    .and_then(|inner| inner.insert(name.clone(), value))
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is picked if it comes in pieces of `size` bytes.
    fn picked(payload: &[u8], size: usize) -> Value {
        let mut picker = Picker::default();
        payload.chunks(size).for_each(|piece| picker.take(piece));
        picker.picked()
    }

    /// The same by other means.
    fn expected(payload: &Value) -> Value {
        let mut all = json!({});
        for (object, name) in WANTED {
            let value = match object {
                "" => payload.get(name),
                object => payload
                    .get(object)
                    .filter(|inner| inner.is_object())
                    .and_then(|inner| inner.get(name)),
            };
            match (object, value.filter(|value| !value.is_object() && !value.is_array())) {
                (_, None) => {}
                ("", Some(value)) => all[name] = value.clone(),
                (object, Some(value)) => all[object][name] = value.clone(),
            }
        }
        all
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let name = || {
            prop::sample::select(
                WANTED
                    .iter()
                    .flat_map(|(object, name)| [*object, *name])
                    .collect::<Vec<_>>(),
            )
        };
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,6}".prop_map(Value::from),
            Just(json!("a\"b\\\\{[,:]} \u{1} \u{1f600}")),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(name(), inner, 0..6).prop_map(|fields| {
                    Value::Object(
                        fields
                            .into_iter()
                            .map(|(name, value)| (name.to_owned(), value))
                            .collect(),
                    )
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_picks_what_a_parser_finds(payload in any_json(), size in 1usize..40, pretty in any::<bool>()) {
            let text = match pretty {
                true => serde_json::to_vec_pretty(&payload),
                false => serde_json::to_vec(&payload),
            }.expect("JSON");
            prop_assert_eq!(picked(&text, size), expected(&payload));
        }

        #[test]
        fn it_takes_whatever_comes(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            picked(&payload, 7);
        }
    }

    #[test]
    fn what_no_parser_takes_hides_nothing() {
        let payload = b"{\"object_kind\":\"push\",\"x\":\"\xff\xe8\",\"y\":\"\\ud83d\",\"ref\":\"refs/heads/\xe8\",\"z\":[1,{\"ref\":2}]}";
        assert_eq!(
            picked(payload, 5),
            json!({"object_kind": "push", "ref": "refs/heads/\u{fffd}"})
        );
    }

    #[test]
    fn it_keeps_little() {
        let mut picker = Picker::default();
        for piece in ["{\"a\":\"", &"x".repeat(1 << 20), "\",\"b\":", &"[".repeat(1 << 20)] {
            picker.take(piece.as_bytes());
        }
        assert!(picker.kept.capacity() <= 2 * LONGEST, "{}", picker.kept.capacity());
    }
}
