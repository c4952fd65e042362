//! Compares what was expected with what was there. Only fields that the expectation names count.

use serde_json::Value;

/// Lists of items that Rollcall writes in the order in which it first saw them: they are compared
/// without regard to order.
const ITEM_LISTS: [&str; 3] = ["missing", "failed", "unexpected"];

/// A place where the two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Such as `value.failed[0].item`.
    pub path: String,
    pub expected: Value,
    /// `None` if there is nothing at the path.
    pub found: Option<Value>,
}

/// Returns where the fields that `expected` names differ.
pub fn differences(expected: &Value, found: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare("", expected, Some(found), &mut differences);
    differences
}

fn compare(path: &str, expected: &Value, found: Option<&Value>, into: &mut Vec<Difference>) {
    let mut differs = || {
        let (expected, found) = (expected.clone(), found.cloned());
        into.push(Difference { path: path.to_owned(), expected, found });
    };
    match (expected, found) {
        (Value::Object(named), Some(Value::Object(there))) => {
            for (name, expected) in named {
                let path = join(path, name);
                match (expected, there.get(name)) {
                    (Value::Array(a), Some(Value::Array(b))) if is_item_list(name, a) => {
                        let (a, b) = (by_item(a), by_item(b));
                        compare(&path, &a, Some(&b), into);
                    }
                    (expected, found) => compare(&path, expected, found, into),
                }
            }
        }
        (Value::Array(listed), Some(Value::Array(there))) if listed.len() == there.len() => {
            for (index, (expected, found)) in listed.iter().zip(there).enumerate() {
                compare(&format!("{path}[{index}]"), expected, Some(found), into);
            }
        }
        // What is not there is null.
        (Value::Null, None) => {}
        (Value::Number(a), Some(Value::Number(b))) if is_equal(a, b) => {}
        (expected, Some(found)) if expected == found => {}
        _ => differs(),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Returns whether two numbers are the same: 1 and 1.0 are.
fn is_equal(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()
}

fn is_item_list(name: &str, list: &[Value]) -> bool {
    ITEM_LISTS.contains(&name) && list.iter().all(|entry| entry.get("item").is_some())
}

fn by_item(list: &[Value]) -> Value {
    let mut list = list.to_vec();
    list.sort_by_key(|entry| entry.get("item").map(ToString::to_string));
    Value::Array(list)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(expected: &Value, found: &Value) -> Vec<String> {
        differences(expected, found).into_iter().map(|difference| difference.path).collect()
    }

    #[test]
    fn only_named_fields_count() {
        let found = json!({"a": 1, "b": {"c": [1, {"d": "x", "e": 2}]}, "n": null});
        for expected in [
            json!({}),
            json!({"a": 1}),
            json!({"a": 1.0}),
            json!({"b": {}}),
            json!({"b": {"c": [1, {"e": 2}]}}),
            json!({"n": null, "gone": null}),
        ] {
            assert_eq!(paths(&expected, &found), [""; 0], "{expected}");
        }
    }

    #[test]
    fn each_difference_is_named_with_its_path() {
        let found = json!({"a": 1, "b": {"c": [1, {"d": "x"}]}});
        for (expected, at) in [
            (json!({"a": "1"}), &["a"][..]),
            (json!({"a": 2, "b": {"c": [1, {"d": "y"}]}}), &["a", "b.c[1].d"]),
            (json!({"b": {"c": [1]}}), &["b.c"]),
            (json!({"b": {"c": [1, 2]}}), &["b.c[1]"]),
            (json!({"b": []}), &["b"]),
            (json!({"more": false}), &["more"]),
            (json!({"a": null}), &["a"]),
        ] {
            assert_eq!(paths(&expected, &found), at, "{expected}");
        }
        let [gone] = &differences(&json!({"more": 1}), &found)[..] else { panic!() };
        assert_eq!((&gone.expected, &gone.found), (&json!(1), &None));
    }

    #[test]
    fn the_order_of_items_does_not_count() {
        let found = json!({"missing": [{"item": "b", "needed": 2}, {"item": "a", "needed": 1}]});
        assert_eq!(paths(&json!({"missing": [{"item": "a"}, {"item": "b"}]}), &found), [""; 0]);
        assert_eq!(
            paths(&json!({"missing": [{"item": "a", "needed": 3}, {"item": "b"}]}), &found),
            ["missing[0].needed"]
        );
        assert_eq!(paths(&json!({"missing": [{"item": "a"}]}), &found), ["missing"]);
        let other = json!({"list": [{"item": "b"}, {"item": "a"}]});
        let swapped = json!({"list": [{"item": "a"}, {"item": "b"}]});
        assert_eq!(paths(&swapped, &other).len(), 2, "elsewhere it counts");
    }
}
