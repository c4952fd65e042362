//! `rollcall manufacturer`: makes every product of every order.

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Duration;

use super::{finish, host_name};
use rollcall_order_demo::connection::Connection;
use rollcall_order_demo::factory;
use rollcall_order_demo::stop::Stop;

/// Make every product of every order after a random delay, exactly once
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    connection: Connection,
    /// How long a product takes: a duration, or a range to choose from at random
    #[arg(long, value_parser = delay, default_value = "200ms..3s")]
    delay: RangeInclusive<Duration>,
    /// Consumer group
    #[arg(long, default_value = "manufacturer")]
    group: String,
    /// Name of this manufacturer in its group; keep it across restarts [default: the host's name]
    #[arg(long)]
    instance_id: Option<String>,
}

/// Makes products until SIGINT or SIGTERM.
pub fn run(args: Args) -> ExitCode {
    let instance_id = args.instance_id.unwrap_or_else(host_name);
    let options = factory::Options { group: args.group, instance_id, delay: args.delay };
    finish(
        args.connection
            .cluster()
            .and_then(|cluster| factory::run(&cluster, &options, &Stop::on_signal()?)),
    )
}

/// The longest time that a product may take: its order is kept in memory until then.
const DELAY_MAX: Duration = Duration::from_secs(3600);

fn delay(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let time = |text: &str| {
        humantime::parse_duration(text.trim()).map_err(|error| format!("{text:?}: {error}"))
    };
    let (least, most) = match text.split_once("..") {
        Some((least, most)) => (time(least)?, time(most)?),
        None => (time(text)?, time(text)?),
    };
    if least > most {
        return Err("the first time is longer than the second".into());
    }
    if most > DELAY_MAX {
        return Err("longer than an hour".into());
    }
    Ok(least..=most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_a_time_or_two() {
        let ms = Duration::from_millis;
        assert_eq!(delay("200ms..3s"), Ok(ms(200)..=ms(3000)));
        assert_eq!(delay("1s"), Ok(ms(1000)..=ms(1000)));
        assert_eq!(delay("0s..0s"), Ok(ms(0)..=ms(0)));
        assert!(delay("3s..1s").is_err());
        assert!(delay("..3s").is_err());
        assert!(delay("2h").is_err());
    }
}
