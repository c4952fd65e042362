//! `rollcall test`: runs the cases of an object without a broker, on the simulator's Kafka.

mod case;
mod compare;
mod expectation;
mod fields;
mod found;
mod judge;
mod junit;
mod pairs;
mod problem;
mod read;
mod record;
mod report;
mod state;
mod subject;
mod time;
mod trial;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use self::{
    case::Case,
    read::File,
    subject::Subject,
    trial::{Bounds, Verdict},
};
use super::{complain, failed, print};

/// Run test cases of a Reconciliation object, without a broker
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with the object; - for standard input
    #[arg(short, long)]
    file: PathBuf,
    /// Files with cases, and directories with such files
    #[arg(required = true)]
    cases: Vec<PathBuf>,
    /// Also write the results to this file, as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Try at most this many of the orders in which a case's records can be read
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    orders: usize,
    /// Try at most this many of the points at which a case can crash
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    crashes: usize,
}

/// Runs the cases and prints how each has ended.
pub fn run(args: Args) -> ExitCode {
    let Args { file, cases, junit, orders, crashes } = args;
    let settings = match rollcall_object::load(&file) {
        Ok(settings) => settings,
        Err(error) => return failed(&error),
    };
    let subject = match Subject::new(settings) {
        Ok(subject) => subject,
        Err(error) => return failed(&error),
    };
    let files = match load(&cases, &subject) {
        Ok(files) => files,
        Err(code) => return code,
    };
    let began = Instant::now();
    let (mut suites, mut failures, mut total) = (Vec::new(), 0, 0);
    for File { name, cases } in &files {
        let mut text = format!("{name}\n");
        let verdicts = trial::run_all(cases, &subject, Bounds { orders, crashes });
        let verdicts: Vec<(&Case, Verdict)> = cases.iter().zip(verdicts).collect();
        for (case, verdict) in &verdicts {
            text += &format!("{}\n", report::of_case(case, verdict));
            failures += usize::from(verdict.failure.is_some());
        }
        if let Err(problem) = print(&text) {
            return failed(&problem);
        }
        total += cases.len();
        suites.push((name.as_str(), verdicts));
    }
    let summary = report::summary(total - failures, failures, began.elapsed());
    if let Err(problem) = print(&(summary + "\n")) {
        return failed(&problem);
    }
    if let Some(junit) = junit
        && let Err(error) = write(&junit, &suites)
    {
        return failed(&error);
    }
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Reads all files, or prints everything that is wrong with them.
fn load(paths: &[PathBuf], subject: &Subject) -> Result<Vec<File>, ExitCode> {
    let paths = read::files(paths).map_err(|error| failed(&error))?;
    let mut files = Vec::new();
    let mut code = None;
    for path in paths {
        match read::read(&path, subject) {
            Ok(file) => files.push(file),
            Err(invalid) => {
                complain(&invalid);
                code = Some(ExitCode::FAILURE);
            }
        }
    }
    code.map_or(Ok(files), Err)
}

fn write(path: &Path, suites: &[(&str, Vec<(&Case, Verdict)>)]) -> Result<(), String> {
    let suites: Vec<junit::Suite<'_>> = suites
        .iter()
        .map(|(file, verdicts)| {
            (*file, verdicts.iter().map(|(case, verdict)| (*case, verdict)).collect())
        })
        .collect();
    std::fs::write(path, junit::report(&suites)).map_err(|error| {
        let why = rollcall_core::text::plain::sentence(&error);
        format!("cannot write {}: {why}; check the path given as --junit", path.display())
    })
}
