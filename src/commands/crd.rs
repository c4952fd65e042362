//! `rollcall crd`: prints the custom resource definition, for the API server or for people.

use std::process::ExitCode;

use kube::CustomResourceExt;
use serde_json::Value;

use super::exit_with;
use rollcall_object::{Reconciliation, reference};

/// Print the custom resource definition of Reconciliation as YAML
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print it as the Markdown page docs/reconciliation.md instead
    #[arg(long)]
    reference: bool,
}

/// Prints the definition.
#[expect(clippy::needless_pass_by_value, reason = "as every subcommand")]
pub fn run(args: Args) -> ExitCode {
    let text = if args.reference { reference::markdown() } else { definition() };
    exit_with(&text, ExitCode::SUCCESS)
}

fn definition() -> String {
    let mut definition =
        serde_json::to_value(Reconciliation::crd()).expect("a definition is plain data");
    join_lines(&mut definition);
    serde_yaml::to_string(&definition).expect("a definition is plain data")
}

/// Joins the lines of each paragraph of a description: they are broken where the source's lines
/// end, and `kubectl explain` breaks them again.
fn join_lines(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "description" => {
                        let paragraphs = text.split("\n\n").map(|text| text.replace('\n', " "));
                        *text = paragraphs.collect::<Vec<_>>().join("\n\n");
                    }
                    value => join_lines(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_not_broken_in_the_middle_of_a_sentence() {
        let definition: Value = serde_yaml::from_str(&definition()).expect("YAML");
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let topic = definition.pointer(&format!("{spec}/expected/properties/topic/description"));
        let topic = topic.and_then(Value::as_str).expect("a description");
        assert!(
            topic.contains("as many partitions as this one, and workers divide its partitions"),
            "{topic}"
        );
    }
}
