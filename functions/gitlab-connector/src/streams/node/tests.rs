use serde_json::json;

use super::*;

#[test]
fn nulls_on_the_way_are_null_and_wrong_types_are_named() {
    let json = json!({"id": "gid://gitlab/MergeRequest/7", "author": null, "draft": "yes", "on": "1970-01-02"});
    let node = Node::new(&json);
    assert_eq!(node.key(), Ok(Value::Int(7)));
    assert_eq!(node.id("author.id"), Ok(Value::Null));
    assert_eq!(node.date("on"), Ok(Value::Day(1)));
    let error = node.bool("draft").unwrap_err().to_string();
    assert_eq!(error, "draft of gid://gitlab/MergeRequest/7 is not true or false");
}

#[test]
fn what_is_not_as_documented_is_not_taken_for_nothing() {
    let json = json!({"author": "me", "labels": [], "approvedBy": {"nodes": "x"}, "topics": {}, "left": {},
        "early": "0000-12-31T23:59:59Z", "late": "9999-12-31T23:59:59-01:00", "first": "0001-01-01", "zeroth": "0000-12-31"});
    let node = Node::new(&json);
    assert!(node.id("author.id").is_err());
    assert!(node.ids("labels").is_err() && node.ids("approvedBy").is_err() && node.list("topics").is_err());
    assert_eq!(node.ids("left"), Ok(Value::Ints(vec![])));
    assert!(node.time("early").is_err() && node.time("late").is_err() && node.date("zeroth").is_err());
    assert_eq!(node.date("first"), Ok(Value::Day(-719_162)));
}

#[test]
fn what_is_no_time_date_or_number_of_bigquerys_is_told_as_it_was() {
    let json = json!({"merged": "10000-01-01T00:00:00Z", "due": "20203-05-01", "zero": "0000-00-00", "soon": "soon",
        "weight": 1e19, "size": "9223372036854775808", "most": i64::MAX, "time": 7, "half": 1.5});
    let node = Node::new(&json);
    let misfit = |read: Result<Value, Malformed>| read.expect_err("it does not fit").misfit;
    for (read, value) in [
        (node.time("merged"), "10000-01-01T00:00:00Z"),
        (node.date("due"), "20203-05-01"),
        (node.date("zero"), "0000-00-00"),
        (node.time("soon"), "soon"),
        (node.int("weight"), "1e+19"),
        (node.int("size"), "9223372036854775808"),
    ] {
        assert_eq!(misfit(read).as_deref(), Some(value));
    }
    assert_eq!(node.int("most"), Ok(Value::Int(i64::MAX)));
    assert_eq!(
        [node.time("time"), node.int("half"), node.int("soon")].map(misfit),
        [None, None, None]
    );
}

#[test]
fn lists_are_sorted_and_skip_redacted_nodes() {
    let json = json!({"r": {"nodes": [{"id": "gid://gitlab/User/9"}, null, {"id": "gid://gitlab/User/3"}]}});
    assert_eq!(Node::new(&json).ids("r"), Ok(Value::Ints(vec![3, 9])));
    assert_eq!(Node::new(&json).ids("absent"), Ok(Value::Ints(vec![])));
}
