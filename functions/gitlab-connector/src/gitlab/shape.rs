//! What GraphQL promises about the shape of an answer, made sure before anybody goes by it.

use serde_json::{Value, json};

/// Fields that hold lists of objects.
const LISTS: [&str; 2] = ["nodes", "diffStats"];
/// Holds an item that should have been an object, so that it is rejected whole instead of vanishing.
const ITEM: &str = "_item";

/// Makes sure that lists hold objects and that pages tell whether there are more.
///
/// # Errors
/// What is missing; a page that can't tell where it ends must not be taken for the last one.
pub fn check(data: &mut Value) -> Result<(), &'static str> {
    let Value::Object(fields) = data else {
        return Err("the answer holds no data");
    };
    // Everything that is asked for at the top has fields of its own.
    if fields.values().any(|value| !value.is_object() && !value.is_null()) {
        return Err("a part of the answer is no object");
    }
    fields.values_mut().try_for_each(below)
}

/// Puts each item of a list that is no object into one.
pub fn wrap(list: &mut Value) {
    for item in list.as_array_mut().into_iter().flatten() {
        if !item.is_object() && !item.is_null() {
            *item = json!({ITEM: item.take()});
        }
    }
}

fn below(value: &mut Value) -> Result<(), &'static str> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(below),
        Value::Object(fields) => {
            if fields.get("pageInfo").is_some_and(|info| !is_page_info(info)) {
                return Err("a page does not tell whether it is the last");
            }
            for (name, value) in fields {
                if LISTS.contains(&name.as_str()) {
                    wrap(value);
                }
                below(value)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether it is told if there is more. Where may be null, on a page of which the token may see nothing.
fn is_page_info(info: &Value) -> bool {
    let end = &info["endCursor"];
    info["hasNextPage"].is_boolean() && (end.is_string() || end.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_that_are_no_objects_are_kept_in_one() {
        let mut data = json!({"scope": {"labels": {"nodes": [7, null, {"id": 1, "users": {"nodes": ["x"]}}]}}});
        assert_eq!(check(&mut data), Ok(()));
        let nodes = json!([{"_item": 7}, null, {"id": 1, "users": {"nodes": [{"_item": "x"}]}}]);
        assert_eq!(data["scope"]["labels"]["nodes"], nodes);
    }

    #[test]
    fn a_page_without_its_end_is_no_last_page() {
        for info in [
            json!(null),
            json!({}),
            json!({"hasNextPage": null}),
            json!({"hasNextPage": true, "endCursor": 7}),
            json!([true]),
        ] {
            assert!(
                check(&mut json!({"scope": {"list": {"pageInfo": info}}})).is_err(),
                "{info}"
            );
        }
        for info in [
            json!({"hasNextPage": false}),
            json!({"hasNextPage": true}),
            json!({"hasNextPage": true, "endCursor": null}),
            json!({"hasNextPage": true, "endCursor": "x"}),
        ] {
            assert!(
                check(&mut json!({"scope": {"list": {"pageInfo": info}}})).is_ok(),
                "{info}"
            );
        }
        assert!(check(&mut json!({"scope": "x"})).is_err() && check(&mut json!([])).is_err());
    }
}
