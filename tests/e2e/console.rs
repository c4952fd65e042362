//! The console's Service, asked as a browser asks it.

use std::net::SocketAddr;

use serde_json::Value;

use super::eventually::eventually_or;
use super::http::{get, get_with};
use super::kubectl::{WAIT_TIMEOUT, condition};
use super::object::{Object, TOKEN};

/// Where the console shows the last orders.
const LAST_ORDERS: &str = "/api/topics/orders/records?limit=3";

pub struct Console {
    address: SocketAddr,
}

impl Console {
    /// Waits until the console shows two workers, what they have, and records.
    pub fn open(object: &Object) -> Self {
        let shop = &object.shop;
        let why = "it is available";
        let available = |it: &Value| it["status"]["availableReplicas"] == 1;
        shop.until("deployment/shipping-console", why, available);
        let service = shop.get("service/shipping-console").expect("the console has a Service");
        let ip = service["spec"]["clusterIP"].as_str().expect("a Service has an address");
        let console = Self { address: SocketAddr::new(ip.parse().expect("an address"), 8080) };

        eventually_or("the console's page comes without a token", WAIT_TIMEOUT, || {
            console.answer("/", None, 200)
        });
        for token in [None, Some("guessed")] {
            console.answer("/api/overview", token, 401).expect("strangers are refused");
        }
        console.shows("two workers", "/api/overview", |page| {
            count(&page["workers"], |worker| is_one_of_two(&worker["name"]) && worker["up"] == true)
                == 2
        });
        console.shows("whose the shards are", "/api/overview", |page| {
            count(&page["shards"], |shard| is_one_of_two(&shard["worker"])) == 4
        });
        // Open orders come from the workers, and records from Kafka, where the console logs in as
        // workers do.
        console.shows("what waits", "/api/keys?limit=5", |page| {
            count(&page["keys"], |key| key["missingTotal"].is_u64()) == 5
        });
        console.shows_the_last_orders();
        shop.until("recon/shipping", "nothing is amiss", |object| {
            condition(object, "Degraded")["status"] == "False"
        });
        console
    }

    /// Waits until it shows records, which it reads from Kafka.
    #[track_caller]
    pub fn shows_the_last_orders(&self) {
        self.shows("the last orders", LAST_ORDERS, |page| {
            let is_read = |record: &Value| {
                record["partition"].as_u64().is_some_and(|partition| partition < 4)
                    && record["offset"].is_u64()
            };
            count(&page["records"], is_read) == 3
        });
    }

    /// Waits until the answer to a client with the token is as it should be.
    #[track_caller]
    fn shows(&self, what: &str, path: &str, is: impl Fn(&Value) -> bool) {
        eventually_or(&format!("the console shows {what}"), WAIT_TIMEOUT, || {
            let body = self.answer(path, Some(TOKEN), 200)?;
            let page = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
            if is(&page) { Ok(()) } else { Err(format!("GET {path}: {}", start_of(&body))) }
        });
    }

    /// Returns the body of an answer that has this status.
    fn answer(&self, path: &str, token: Option<&str>, status: u16) -> Result<String, String> {
        let login = |token| format!("Authorization: Bearer {token}\r\n");
        let response = match token {
            Some(token) => get_with(self.address, path, &login(token)),
            None => get(self.address, path),
        };
        match response {
            Some((found, body)) if found == status => Ok(body),
            Some((found, body)) => {
                Err(format!("GET {path}: {found}, not {status}: {}", start_of(&body)))
            }
            None => Err(format!("GET {path}: {} does not answer", self.address)),
        }
    }
}

fn count(list: &Value, is: impl Fn(&Value) -> bool) -> usize {
    list.as_array().into_iter().flatten().filter(|value| is(value)).count()
}

fn is_one_of_two(worker: &Value) -> bool {
    worker == "shipping-0" || worker == "shipping-1"
}

/// Returns enough of an answer to see what is wrong with it.
fn start_of(body: &str) -> String {
    body.chars().take(2_000).collect()
}
