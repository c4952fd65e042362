//! An order that ships when all of its products are made.

use serde_json::json;

use super::{keys, once, recipe};

const OBJECT: &str = include_str!("../../../docs/recipes/order-demo.yaml");

#[test]
fn an_order_ships_once_all_of_its_products_are_made() {
    let made = recipe(OBJECT, "order-demo");
    let mut worker = made.worker("w-1");
    made.order("ships", &[1, 2]);
    made.order("waits", &[1, 2]);
    made.order("changed", &[1, 2, 3]);
    made.order("cancelled", &[1]);
    made.made("ships", 1);
    made.made("waits", 1);
    made.made("waits", 99);
    made.made("early", 7);
    made.made("changed", 1);
    made.settle();
    worker.process.kill();
    made.made("ships", 1);
    made.made("ships", 2);
    made.made("changed", 2);
    made.order("changed", &[1, 2]);
    made.order("early", &[7]);
    made.order_value(Some("cancelled"), None);
    let mut worker = made.worker("w-1");
    made.settle();
    worker.process.kill();
    made.made("cancelled", 1);
    made.made("ships", 2);
    made.order("ships", &[1, 2]);
    let worker = made.worker("w-1");
    made.settle();

    let shipped = once(&made, "shipping");
    assert_eq!(keys(&shipped), ["changed", "early", "ships"]);
    assert_eq!(shipped["ships"], json!({"orderId": "ships"}));
    assert_eq!(made.dead_letter_reasons(), [""; 0]);
    let (_, story) = worker.get("/v1/key?key=waits").expect("an answer");
    assert!(story.contains("\"missingTotal\":1"), "{story}");
}
