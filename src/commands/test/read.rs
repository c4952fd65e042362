//! Reads files of cases.
//!
//! Promise: every mistake in a file is reported at once, with its case, its line and its remedy; no
//! case runs before all files are right.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use rollcall_core::record::Timestamp;
use rollcall_core::text::plain::sentence;
use rollcall_sim::harness::Script;
use serde_yaml::Value;

use super::{
    case::{Case, Order},
    expectation::{self, SECTIONS},
    fields::Fields,
    problem::{CaseProblem, Invalid, Problems},
    record,
    subject::Subject,
    time,
};

const EXAMPLE: &str =
    "a list of cases, each such as {name: …, in: [{topic: …, key: …, value: …}], out: […]}";
const PARTITIONS_MAX: u32 = 64;

/// The cases of a file.
pub struct File {
    pub name: String,
    pub cases: Vec<Case>,
}

/// Returns the files that the paths stand for: a directory stands for all files below it that end
/// in `.yaml` or `.yml`.
///
/// # Errors
/// When a path cannot be read, or stands for no file.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        add(path, &mut files)?;
        if files.len() == before {
            return Err(format!(
                "{} has no .yaml or .yml file: nothing would be tested; check the path",
                path.display()
            ));
        }
    }
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}

fn add(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let unreadable = |error: std::io::Error| {
        format!("cannot read {}: {}; check the path", path.display(), sentence(&error))
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(unreadable)?;
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()
        .map_err(unreadable)?;
    entries.sort();
    for entry in entries {
        let is_yaml = entry.extension().is_some_and(|name| name == "yaml" || name == "yml");
        if entry.is_dir() || is_yaml {
            add(&entry, files)?;
        }
    }
    Ok(())
}

/// Reads the cases in a file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(path: &Path, subject: &Subject) -> Result<File, Invalid> {
    let name = path.display().to_string();
    let (cases, problems) = match fs::read_to_string(path) {
        Ok(text) => parse(&text, subject),
        Err(error) => {
            let mut problems = Problems::new("");
            let message = format!("cannot be read: {}", sentence(&error));
            problems.add("", message, "check the path, and who may read it");
            (Vec::new(), problems.into_vec())
        }
    };
    if problems.is_empty() {
        Ok(File { name, cases })
    } else {
        Err(Invalid { file: name, problems })
    }
}

/// Reads the cases in a text, and everything that is wrong with it.
pub fn parse(text: &str, subject: &Subject) -> (Vec<Case>, Vec<CaseProblem>) {
    let mut problems = Problems::new(text);
    let document = match serde_yaml::from_str(text) {
        Ok(Value::Sequence(list)) if !list.is_empty() => list,
        Ok(Value::Sequence(_) | Value::Null) => {
            problems.add("", "holds no cases", format!("write {EXAMPLE}"));
            Vec::new()
        }
        Ok(Value::Mapping(object)) if object.contains_key("kind") => {
            let remedy = format!("give it as -f, and here a file with {EXAMPLE}");
            problems.add("", "holds an object where cases are needed", remedy);
            Vec::new()
        }
        Ok(_) => {
            problems.add("", "holds no list of cases", format!("write {EXAMPLE}"));
            Vec::new()
        }
        Err(error) => {
            let remedy = "fix the YAML there, or in the line before: indentation, quotes, \
                          brackets, a space after each colon";
            problems.add("", error.to_string(), remedy);
            Vec::new()
        }
    };
    let mut names = BTreeSet::new();
    let mut cases = Vec::new();
    for (index, value) in document.iter().enumerate() {
        problems.begin(index, value.get("name").and_then(Value::as_str));
        cases.extend(case(value, index, subject, &mut problems));
        if let Some(name) = value.get("name").and_then(Value::as_str)
            && !names.insert(name.to_owned())
        {
            let path = format!("[{index}].name");
            problems.add(&path, "is the name of another case, too", "give each its own name");
        }
    }
    (cases, problems.into_vec())
}

fn case(
    value: &Value,
    index: usize,
    subject: &Subject,
    problems: &mut Problems<'_>,
) -> Option<Case> {
    let known = [&["name", "in"][..], &SECTIONS, &["until", "order", "partitions", "start"]];
    let fields = Fields::of(value, format!("[{index}]"), &known.concat(), EXAMPLE, problems)?;
    let name = fields.required("name", "what the case shows, in a few words", problems);
    let order = order(&fields, problems);
    let records = records(&fields, problems);
    let start_ms = start(&fields, problems);
    let partitions = partitions(&fields, records.as_deref(), problems);
    let expected = expectation::read(&fields, subject, start_ms, problems);
    let (start_ms, partitions) = (start_ms?, partitions?);
    let mut reader = record::Reader { subject, partitions, start_ms, now_ms: start_ms };
    let read = records?.into_iter().map(|(path, value)| reader.read(value, &path, problems));
    // All of them, so that all mistakes are reported.
    let read: Vec<_> = read.collect();
    let until_ms = until(&fields, start_ms, reader.now_ms, problems)?;
    let (arrivals, called) = read.into_iter().collect::<Option<Vec<_>>>()?.into_iter().unzip();
    let plan = subject.plan(partitions);
    let script = Script { plan, partitions, start_ms, arrivals, until_ms };
    Some(Case { name: name?, order: order?, script, arrivals: called, expected: expected? })
}

fn order(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Option<Order> {
    match fields.get("order").map(|value| value.as_str().unwrap_or_default()) {
        None | Some("any") => Some(Order::Any),
        Some("strict") => Some(Order::Strict),
        Some(_) => {
            let remedy = "write strict, if the order in which topics are read may matter, or any";
            problems.add(&fields.path("order"), "is not known", remedy);
            None
        }
    }
}

fn records<'a>(
    fields: &Fields<'a>,
    problems: &mut Problems<'_>,
) -> Option<Vec<(String, &'a Value)>> {
    let example = "a list of records such as [{topic: orders, key: o1, value: {id: o1}}]";
    if fields.get("in").is_none() {
        problems.add(&fields.path("in"), "is missing", format!("write {example}"));
    }
    let list = fields.list("in", example, problems)?;
    if list.is_empty() {
        problems.add(&fields.path("in"), "has no records", format!("write {example}"));
    }
    Some(list)
}

/// Returns when the case starts: at the first time that it names, unless it says otherwise.
fn start(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Option<Timestamp> {
    if fields.get("start").is_some() {
        let text = fields.text("start", problems)?;
        let refused = |(message, remedy): time::Refusal| {
            problems.add(&fields.path("start"), message, remedy);
        };
        return time::instant(&text).map_err(refused).ok();
    }
    let records = fields.get("in").and_then(Value::as_sequence).into_iter().flatten();
    let times = records.filter_map(|record| record.get("at")?.as_str());
    let absolute = times.take_while(|text| !text.starts_with('+')).next();
    Some(absolute.and_then(|text| time::instant(text).ok()).unwrap_or(time::START_MS))
}

/// Returns the number of partitions: as many as the records name, unless the case says otherwise.
fn partitions(
    fields: &Fields<'_>,
    records: Option<&[(String, &Value)]>,
    problems: &mut Problems<'_>,
) -> Option<NonZeroU32> {
    if fields.get("partitions").is_some() {
        return NonZeroU32::new(fields.number("partitions", 1..=PARTITIONS_MAX, problems)?);
    }
    let named = records.into_iter().flatten().filter_map(|(_, value)| value.get("partition"));
    let last = named.filter_map(Value::as_u64).max().unwrap_or_default();
    let last = u32::try_from(last).unwrap_or(u32::MAX).min(PARTITIONS_MAX - 1);
    NonZeroU32::new(last + 1)
}

/// Returns when the case ends: with its last record, unless it says otherwise.
fn until(
    fields: &Fields<'_>,
    start_ms: Timestamp,
    last_ms: Timestamp,
    problems: &mut Problems<'_>,
) -> Option<Timestamp> {
    if fields.get("until").is_none() {
        return Some(last_ms);
    }
    let text = fields.text("until", problems)?;
    let path = fields.path("until");
    match time::time(&text, start_ms) {
        Ok(until_ms) if until_ms >= last_ms => Some(until_ms),
        Ok(_) => {
            let message = format!("{text} is before the last record");
            problems.add(&path, message, "write a later time, or leave it out");
            None
        }
        Err((message, remedy)) => {
            problems.add(&path, message, remedy);
            None
        }
    }
}
