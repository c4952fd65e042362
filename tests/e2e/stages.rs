//! The stages of the test: which one runs now, and how long each took.

use std::io::IsTerminal;
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Stages {
    took: Vec<(&'static str, Duration)>,
}

impl Stages {
    /// Runs a stage. If it panics, the name of the stage is printed after the panic's message.
    pub fn run<T>(&mut self, name: &'static str, stage: impl FnOnce() -> T) -> T {
        println!("{}", styled("1", &format!("==> {name}")));
        let running = Running { name, began: Instant::now() };
        let result = stage();
        self.took.push((name, running.began.elapsed()));
        result
    }

    /// Prints how long each stage took.
    pub fn print(&self) {
        for (name, took) in &self.took {
            println!("    {name:<32} {}", elapsed(*took));
        }
    }
}

struct Running {
    name: &'static str,
    began: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            let text = format!("==> {} failed after {}", self.name, elapsed(self.began.elapsed()));
            eprintln!("{}", styled("31", &text));
        }
    }
}

fn elapsed(took: Duration) -> String {
    match took.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// Returns the text as the scripts print it: with a style, if someone looks at a terminal.
fn styled(style: &str, text: &str) -> String {
    let plain = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
    if plain || !std::io::stdout().is_terminal() {
        return text.to_owned();
    }
    format!("\x1b[{style}m{text}\x1b[0m")
}
