//! A batch of files that is expected every day.

use serde_json::{Value, json};

use super::{keys, once, recipe};

const OBJECT: &str = include_str!("../../../docs/recipes/daily-files.yaml");

#[test]
fn a_day_is_complete_once_its_files_are_loaded() {
    let made = recipe(OBJECT, "daily-files");
    let day = |day: &str, state: &str| {
        made.order_value(Some(day), Some(&json!({"state": state}).to_string()));
    };
    let file = |day: &str, file: &str, status: &str| {
        let value = json!({"day": day, "file": file, "status": status}).to_string();
        made.made_value(Some(day), Some(&value));
    };
    let (complete, late, holiday) = ("2025-03-03", "2025-03-04", "2025-03-05");
    let mut worker = made.worker("w-1");
    for opened in [complete, late, holiday] {
        day(opened, "OPENED");
        file(opened, "orders", "LOADED");
    }
    file(complete, "stock", "UPLOADING");
    file(late, "stock", "UPLOADING");
    file(complete, "stock", "LOADED");
    made.settle();
    worker.process.kill();
    file(complete, "stock", "LOADED");
    file(complete, "payments", "LOADED");
    file(complete, "customers", "LOADED");
    file(late, "payments", "LOADED");
    made.order_value(Some(holiday), None);
    let mut worker = made.worker("w-1");
    made.settle();
    worker.process.kill();
    for name in ["stock", "payments", "customers"] {
        file(holiday, name, "LOADED");
    }
    day(complete, "CLOSED");
    day(complete, "OPENED");
    let worker = made.worker("w-1");
    made.settle();

    let completed = once(&made, "shipping");
    assert_eq!(keys(&completed), [complete]);
    assert_eq!(completed[complete], json!({"day": complete}));
    assert_eq!(made.dead_letter_reasons(), [""; 0]);
    let (_, story) = worker.get(&format!("/v1/key?key={late}")).expect("an answer");
    let story: Value = serde_json::from_str(&story).expect("it is JSON");
    assert_eq!((&story["state"], &story["missingTotal"]), (&json!("open"), &json!(2)), "{story}");
}
