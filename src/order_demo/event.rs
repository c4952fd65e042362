//! The wire format of the order example.

use jiff::ZonedDateTime;
use serde::{Deserialize, Serialize};

/// The products of the original's shop; further products are named by their number.
const PRODUCT_NAMES: [&str; 5] = ["Iphone", "Samsung", "Pixel", "Fairphone", "Xperia"];

/// A record of the orders topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub id: String,
    /// Local date and time without a time zone; nothing matches on it.
    #[serde(default)]
    pub order_date: Option<String>,
    pub items: Vec<Product>,
}

/// One product of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub id: i64,
    #[serde(default)]
    pub name: Option<String>,
}

/// A record of the manufactured topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manufactured {
    pub order_id: String,
    pub product_id: i64,
    /// Local date and time without a time zone; nothing matches on it.
    pub manufactured_date: String,
}

impl Order {
    /// Returns a new order for these products, created now.
    pub fn new(product_ids: &[i64]) -> Self {
        let items = product_ids.iter().map(|&id| Product { id, name: Some(product_name(id)) });
        Self { id: order_id(rand::random()), order_date: Some(now()), items: items.collect() }
    }
}

impl Manufactured {
    /// Returns the event that a product of an order was made now.
    pub fn new(order_id: String, product_id: i64) -> Self {
        Self { order_id, product_id, manufactured_date: now() }
    }
}

/// Returns `value` as a record value.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers have a JSON form")
}

/// Returns the local time as Java's `LocalDateTime` prints it, always with nanoseconds.
fn now() -> String {
    format!("{:.9}", ZonedDateTime::now().datetime())
}

fn product_name(id: i64) -> String {
    let known = usize::try_from(id).ok().and_then(|id| PRODUCT_NAMES.get(id.checked_sub(1)?));
    known.map_or_else(|| format!("Product {id}"), ToString::to_string)
}

/// Returns `bits` as a version 4 UUID, with the six bits of version and variant set.
fn order_id(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_written_as_the_original_writes_it() {
        let order = Order {
            id: "0af9bdce-3825-41a8-870e-1ed9a37a97ba".into(),
            order_date: Some("2023-05-08T21:37:38.571850862".into()),
            items: vec![
                Product { id: 1, name: Some(product_name(1)) },
                Product { id: 2, name: Some(product_name(2)) },
            ],
        };
        let expected = concat!(
            r#"{"id":"0af9bdce-3825-41a8-870e-1ed9a37a97ba","#,
            r#""orderDate":"2023-05-08T21:37:38.571850862","#,
            r#""items":[{"id":1,"name":"Iphone"},{"id":2,"name":"Samsung"}]}"#,
        );
        assert_eq!(json(&order), expected);
        assert_eq!(serde_json::from_str::<Order>(expected).expect("valid"), order);
    }

    #[test]
    fn a_manufactured_event_is_written_as_the_original_writes_it() {
        let made = Manufactured {
            order_id: "0af9bdce".into(),
            product_id: 1,
            manufactured_date: "2023-05-08T21:40:00.000000001".into(),
        };
        let expected = concat!(
            r#"{"orderId":"0af9bdce","productId":1,"#,
            r#""manufacturedDate":"2023-05-08T21:40:00.000000001"}"#,
        );
        assert_eq!(json(&made), expected);
    }

    #[test]
    fn dates_are_local_date_times_with_nanoseconds() {
        let now = now();
        assert_eq!(now.len(), "2023-05-08T21:37:38.571850862".len(), "{now}");
        now.parse::<jiff::civil::DateTime>().expect("a local date and time");
    }

    #[test]
    fn order_ids_are_random_uuids() {
        assert_eq!(order_id(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(order_id(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_ne!(Order::new(&[1]).id, Order::new(&[1]).id);
    }

    #[test]
    fn unknown_fields_and_missing_names_are_no_obstacle() {
        let order: Order =
            serde_json::from_str(r#"{"id":"a","customer":7,"items":[{"id":3}]}"#).expect("valid");
        assert_eq!(order.items, [Product { id: 3, name: None }]);
    }

    #[test]
    fn products_beyond_the_catalogue_are_called_by_their_number() {
        assert_eq!(product_name(5), "Xperia");
        assert_eq!(product_name(6), "Product 6");
        assert_eq!(product_name(0), "Product 0");
        assert_eq!(product_name(i64::MIN), "Product -9223372036854775808");
    }
}
