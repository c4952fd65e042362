//! `rollcall manufactured`: sends a single event.

use std::process::ExitCode;

use super::finish;
use rollcall_order_demo::connection::Connection;
use rollcall_order_demo::event::Manufactured;
use rollcall_order_demo::shop::send_manufactured;
use rollcall_order_demo::stop::Stop;

/// Report that one product of an order was made
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    connection: Connection,
    /// The order, as printed by `rollcall order`
    order_id: String,
    /// The product's number
    product_id: i64,
}

/// Sends the event.
pub fn run(args: Args) -> ExitCode {
    finish(args.connection.cluster().and_then(|cluster| {
        let made = Manufactured::new(args.order_id, args.product_id);
        send_manufactured(&cluster, &made, &Stop::on_signal()?)
    }))
}
