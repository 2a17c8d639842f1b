//! Changes of a JSON text that mostly leave it one.

use serde_json::{Map, Value, json};

use crate::random::Random;

/// Stands in a tree for a text that no tree can hold, such as a number that is too large.
const MARK: &str = "\u{1}raw";
/// What the mark is replaced by.
const RAW: &[&str] = &[
    "1e999",
    "-1e999",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1e-999",
    "-0",
    "1E5",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "{\"a\":1,\"a\":2}",
    "NaN",
    "01",
    "\"\n\"",
];
/// How deep nested lists or objects become, now and then; readers stop at 128.
const DEEP: [usize; 5] = [3, 126, 127, 200, 20_000];

/// Changes `input` in one place; whether it was JSON. `other` is one to take parts of.
pub fn change(input: &mut Vec<u8>, other: &[u8], words: &[&str], random: &mut Random) -> bool {
    let Ok(mut tree) = serde_json::from_slice::<Value>(input) else {
        return false;
    };
    let count = count(&tree);
    let at = random.below(count);
    let chosen = nth(&mut tree, at).expect("one of its values");
    let mut raw = None;
    match random.below(12) {
        0..4 => *chosen = simple(words, random),
        4 | 5 => inside(chosen, words, random),
        6 => *chosen = json!([chosen.take()]),
        7 => *chosen = json!({ *random.pick(words): chosen.take() }),
        8 => {
            raw = Some((*random.pick(RAW)).to_owned());
            *chosen = MARK.into();
        }
        9 if random.once_in(8) => {
            let depth = *random.pick(&DEEP);
            let (open, close) = *random.pick(&[("[", "]"), ("{\"nodes\":", "}")]);
            let middle = chosen.take().to_string();
            raw = Some(open.repeat(depth) + &middle + &close.repeat(depth));
            *chosen = MARK.into();
        }
        _ => match serde_json::from_slice::<Value>(other) {
            Ok(mut other) => {
                let from = random.below(self::count(&other));
                *chosen = nth(&mut other, from).expect("one of its values").take();
            }
            Err(_) => *chosen = simple(words, random),
        },
    }
    let mut text = tree.to_string();
    if let Some(raw) = raw {
        text = text.replacen(&Value::from(MARK).to_string(), &raw, 1);
    }
    *input = text.into_bytes();
    true
}

/// A change of a list's or an object's members, or of a text.
fn inside(value: &mut Value, words: &[&str], random: &mut Random) {
    match value {
        Value::Array(items) => {
            let at = random.below(items.len());
            match random.below(4) {
                0 if !items.is_empty() => drop(items.remove(at)),
                1 if !items.is_empty() => {
                    let times = if random.once_in(500) {
                        20_000
                    } else {
                        1 + random.below(3)
                    };
                    let copies = vec![items[at].clone(); times];
                    items.splice(at..at, copies);
                }
                2 => items.reverse(),
                _ => items.push(simple(words, random)),
            }
        }
        Value::Object(fields) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            if names.is_empty() || random.once_in(3) {
                fields.insert((*random.pick(words)).to_owned(), simple(words, random));
                return;
            }
            let old = fields.remove(random.pick(&names).as_str());
            // Half of the time it is only gone.
            if let Some(value) = old.filter(|_| random.once_in(2)) {
                let name = if random.once_in(2) {
                    random.pick(words)
                } else {
                    random.pick(&names).as_str()
                };
                fields.insert(name.to_owned(), value);
            }
        }
        Value::String(text) => {
            let mut bytes = std::mem::take(text).into_bytes();
            super::bytes::change(&mut bytes, b"", words, random);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        other => *other = Value::from(other.to_string()),
    }
}

fn simple(words: &[&str], random: &mut Random) -> Value {
    match random.below(12) {
        0 | 1 => Value::Null,
        2 => random.once_in(2).into(),
        3 => random.below(100).into(),
        4 => (*random.pick(&[0, -1, i64::MAX, i64::MIN, 1 << 53, 4_294_967_296])).into(),
        5 => json!(*random.pick(&[0.5, -1e308, 1e-300, 1e18, 9.3e18])),
        6 => Value::Array(Vec::new()),
        7 => Value::Object(Map::new()),
        _ => (*random.pick(words)).into(),
    }
}

/// How many values a tree has, itself included.
fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// The `at`th value of a tree, which is itself the first.
fn nth(tree: &mut Value, at: usize) -> Option<&mut Value> {
    fn find<'a>(tree: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
        if *left == 0 {
            return Some(tree);
        }
        *left -= 1;
        match tree {
            Value::Array(items) => items.iter_mut().find_map(|item| find(item, left)),
            Value::Object(fields) => fields.values_mut().find_map(|field| find(field, left)),
            _ => None,
        }
    }
    find(tree, &mut { at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_a_tree_is_found_once() {
        let mut tree = json!({"a": [1, {"b": "c"}], "d": null});
        let count = count(&tree);
        assert_eq!(count, 6);
        let all: Vec<String> = (0..count)
            .map(|at| nth(&mut tree, at).expect("there").to_string())
            .collect();
        assert_eq!(all.iter().filter(|text| *text == "\"c\"").count(), 1);
        assert!(nth(&mut tree, count).is_none());
    }

    #[test]
    fn what_no_tree_can_hold_is_written_as_text() {
        let mut random = Random::new(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            let mut input = br#"{"a":[1,2],"b":"c"}"#.to_vec();
            assert!(change(&mut input, b"[7]", &["word"], &mut random));
            assert!(!input.windows(9).any(|part| part == b"\\u0001raw"), "a mark is left");
            for raw in RAW
                .iter()
                .filter(|raw| input.windows(raw.len()).any(|part| part == raw.as_bytes()))
            {
                seen.insert(*raw);
            }
        }
        assert_eq!(seen.len(), RAW.len());
    }
}
