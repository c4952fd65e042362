//! `rollcall test`: the cases of every recipe pass, and a wrong expectation is reported to people
//! and to CI servers. No broker is needed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const RECIPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recipes");

fn test(arguments: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.arg("test").args(arguments).output().expect("the program runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the pages of the recipes, without their extension.
fn recipes() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(RECIPES).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut pages: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| path.with_extension(""))
        .collect();
    pages.sort();
    pages
}

#[test]
fn every_recipe_shows_its_object_and_passes_its_cases() {
    let pages = recipes();
    assert!(pages.len() >= 4, "{pages:?}");
    for page in pages {
        let [text, object, cases] =
            ["md", "yaml", "cases.yaml"].map(|extension| page.with_extension(extension));
        assert!(cases.exists(), "{} has no cases beside it", page.display());
        let shown = std::fs::read_to_string(&object).expect("the object is beside its page");
        let text = std::fs::read_to_string(&text).expect("it was listed");
        assert!(text.contains(&shown), "{} shows another object", page.display());
        let output = test(&[Path::new("-f"), &object, &cases]);
        assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains(" crashes)\n"), "{}", stdout(&output));
        assert_eq!(stderr(&output), "", "nothing is logged");
    }
}

#[test]
fn the_cases_on_the_page_about_cases_pass() {
    let page = include_str!("../../docs/testing.md");
    let dir = TempDir::with_prefix("rollcall-").expect("a temporary directory");
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<&str> = blocks.filter(|block| block.contains("- name: ")).collect();
    let cases: Vec<&str> = blocks.into_iter().filter(|block| block.contains("in:\n")).collect();
    assert_eq!(cases.len(), 3, "{cases:?}");
    for (number, cases) in cases.iter().enumerate() {
        let file = dir.path().join(format!("{number}.yaml"));
        std::fs::write(file, cases).expect("the directory is ours");
    }
    let object = Path::new(RECIPES).join("order-validation.yaml");
    let output = test(&[Path::new("-f"), &object, dir.path()]);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let shown = page.lines().filter(|line| line.starts_with("  ok "));
    for line in shown.filter_map(|line| line.split(" crashes)").next()?.rsplit_once(", ")) {
        assert!(stdout(&output).contains(line.0), "{line:?} is shown: {}", stdout(&output));
    }
}

#[test]
fn a_wrong_expectation_fails_with_a_difference_an_exit_code_and_a_report() {
    let dir = TempDir::with_prefix("rollcall-").expect("a temporary directory");
    let (cases, junit) = (dir.path().join("cases.yaml"), dir.path().join("junit.xml"));
    let text = "
- name: it fails & says how
  in:
  - {topic: orders, key: o1, value: {id: o1, state: CREATED}}
  - {topic: order-validations, key: o1, value: {orderId: o1, check: fraud, result: FAIL}}
  out:
  - {topic: orders-failed, key: o1, value: {failed: [{item: stock}]}}
- name: it passes
  in: [{topic: orders, key: o1, value: {id: o1, state: CREATED}}]
  out: []
";
    std::fs::write(&cases, text).expect("the directory is ours");
    let object = Path::new(RECIPES).join("order-validation.yaml");
    let flag = Path::new;
    let output = test(&[flag("-f"), &object, dir.path(), flag("--junit"), &junit]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let told = stdout(&output);
    let expected = "
  FAIL  it fails & says how
        as written
        - expected, + found:
        out: orders-failed, key o1
          - value.failed[0].item: \"stock\"
          + value.failed[0].item: \"fraud\"
  ok    it passes (";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("\n2 cases: 1 passed, 1 failed, in "), "{told}");

    let report = std::fs::read_to_string(&junit).expect("it was written");
    assert!(report.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "));
    assert!(report.contains("tests=\"2\" failures=\"1\" errors=\"0\""), "{report}");
    assert!(report.contains("name=\"it fails &amp; says how\""), "{report}");
    assert!(report.contains("<failure message=\"as written\">as written\n"), "{report}");
    assert!(report.contains("- value.failed[0].item: &quot;stock&quot;"), "{report}");

    let nowhere = dir.path().join("no/such/folder.xml");
    let output = test(&[flag("-f"), &object, &cases, flag("--junit"), &nowhere]);
    assert!(stderr(&output).contains("there is no such file or directory"), "{}", stderr(&output));
}

#[test]
fn a_run_that_tests_nothing_is_an_error() {
    let dir = TempDir::with_prefix("rollcall-").expect("a temporary directory");
    let object = Path::new(RECIPES).join("order-validation.yaml");
    let flag = Path::new;
    let output = test(&[flag("-f"), &object, dir.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nothing would be tested"), "{}", stderr(&output));

    let empty = dir.path().join("empty.yaml");
    std::fs::write(&empty, "").expect("the directory is ours");
    let output = test(&[flag("-f"), &object, dir.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("empty.yaml has 1 problem\nholds no cases"));
    assert_eq!(stdout(&output), "", "nothing ran");

    let output = test(&[flag("-f"), &dir.path().join("gone.yaml"), &empty]);
    assert!(stderr(&output).contains("cannot read "), "{}", stderr(&output));
}
