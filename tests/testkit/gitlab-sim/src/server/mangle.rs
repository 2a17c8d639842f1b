//! Answers that look well and are wrong.

use serde_json::{Value, json};

use crate::random::Random;

/// Makes a value of a row null.
pub fn null(body: &mut Value, seed: u64) {
    if let Some(value) = one(body, seed) {
        *value = Value::Null;
    }
}

/// Gives a value of a row another type.
pub fn wrong_type(body: &mut Value, seed: u64) {
    if let Some(value) = one(body, seed) {
        *value = match value {
            Value::String(_) => json!({"unexpected": true}),
            _ => json!("unexpected"),
        };
    }
}

/// Empties the first list that has pages, and makes it the last page.
pub fn missing_page(body: &mut Value) {
    match body {
        Value::Array(items) if items.iter().any(|item| item.get("data").is_none()) => items.clear(),
        Value::Array(several) => several.iter_mut().for_each(missing_page),
        _ => {
            empty_first(body);
        }
    }
}

fn empty_first(value: &mut Value) -> bool {
    let Value::Object(fields) = value else { return false };
    if fields.contains_key("pageInfo") && fields.get("nodes").is_some_and(Value::is_array) {
        fields.insert("nodes".to_owned(), json!([]));
        fields.insert("pageInfo".to_owned(), json!({"hasNextPage": false, "endCursor": null}));
        return true;
    }
    fields.values_mut().any(empty_first)
}

/// One of the values in rows, that is in objects of lists.
fn one(body: &mut Value, seed: u64) -> Option<&mut Value> {
    let mut values = Vec::new();
    gather(body, false, &mut values);
    let count = values.len() as u64;
    let chosen = (count > 0).then(|| Random::of(seed, 97, count).below(count) as usize)?;
    values.into_iter().nth(chosen)
}

fn gather<'a>(value: &'a mut Value, in_list: bool, found: &mut Vec<&'a mut Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| gather(item, true, found)),
        Value::Object(fields) => fields
            .iter_mut()
            // Of several queries in one request each has an answer of its own: that is no list of rows.
            .for_each(|(name, inner)| gather(inner, in_list && name != "data", found)),
        Value::Null => {}
        scalar if in_list => found.push(scalar),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Value {
        json!({"data": {"group": {"id": "1", "list": {
            "pageInfo": {"hasNextPage": true, "endCursor": "x"}, "nodes": [{"a": 1, "b": {"c": "two"}}]}}}})
    }

    #[test]
    fn only_values_of_rows_are_touched_and_every_one_can_be() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let (mut nulled, mut other) = (page(), page());
            null(&mut nulled, seed);
            wrong_type(&mut other, seed);
            for body in [&nulled, &other] {
                assert_eq!(body["data"]["group"]["id"], "1");
                assert_eq!(body["data"]["group"]["list"]["pageInfo"]["endCursor"], "x");
                seen.insert(body["data"]["group"]["list"]["nodes"][0].to_string());
            }
        }
        assert_eq!(
            seen.into_iter().collect::<Vec<_>>(),
            [
                r#"{"a":"unexpected","b":{"c":"two"}}"#,
                r#"{"a":1,"b":{"c":null}}"#,
                r#"{"a":1,"b":{"c":{"unexpected":true}}}"#,
                r#"{"a":null,"b":{"c":"two"}}"#,
            ]
        );
    }

    #[test]
    fn a_missing_page_is_empty_and_the_last() {
        let mut body = page();
        missing_page(&mut body);
        let list = &body["data"]["group"]["list"];
        assert_eq!(
            (&list["nodes"], &list["pageInfo"]["hasNextPage"]),
            (&json!([]), &json!(false))
        );
        let mut rest = json!([{"id": 1}]);
        missing_page(&mut rest);
        assert_eq!(rest, json!([]));
    }
}
