//! `rollcall order`: sends new orders like the shop of the order example.

use std::num::{NonZeroU16, NonZeroU64};
use std::process::ExitCode;

use super::finish;
use rollcall_order_demo::connection::Connection;
use rollcall_order_demo::shop::{Orders, send_orders};
use rollcall_order_demo::stop::Stop;

/// Send one new order with two products, or many
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    connection: Connection,
    /// How many orders [default: 1; with --rate: until stopped]
    #[arg(long)]
    count: Option<NonZeroU64>,
    /// Orders per second [default: as fast as the broker takes them]
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// How many products each order has, with the numbers 1, 2, 3 …
    #[arg(long, default_value = "2")]
    items: NonZeroU16,
    /// Which products each order has, such as 1,2
    #[arg(long, value_delimiter = ',', conflicts_with = "items")]
    product_ids: Vec<i64>,
}

/// Sends the orders; SIGINT and SIGTERM stop it after the current one.
pub fn run(args: Args) -> ExitCode {
    let product_ids = if args.product_ids.is_empty() {
        (1..=i64::from(args.items.get())).collect()
    } else {
        args.product_ids
    };
    let count = args.count.or_else(|| args.rate.is_none().then_some(NonZeroU64::MIN));
    let orders = Orders { count, rate: args.rate, product_ids };
    finish(
        args.connection
            .cluster()
            .and_then(|cluster| send_orders(&cluster, &orders, &Stop::on_signal()?)),
    )
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let bounds = 0.001..=1e6;
    bounds.contains(&rate).then_some(rate).ok_or_else(|| "not between 0.001 and 1000000".into())
}
