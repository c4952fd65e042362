//! Every mistake in a file of cases is reported with the case, the place, and a remedy.

use super::{OBJECT, read, subject};

/// Returns what is said about a file.
fn said(cases: &str) -> Vec<String> {
    let (_, problems) = read::parse(cases, &subject(OBJECT));
    problems.iter().map(ToString::to_string).collect()
}

/// Returns what is said about a case with this record.
fn about_record(record: &str) -> Vec<String> {
    said(&format!("- name: a\n  out: []\n  in:\n  - {record}\n"))
}

/// Returns what is said about a case with these fields besides a name and a record.
fn about_case(fields: &str) -> Vec<String> {
    said(&format!(
        "- name: a\n  in: [{{topic: orders, key: o1, value: null, at: +1h}}]\n  {fields}\n"
    ))
}

#[test]
fn a_file_has_a_list_of_cases() {
    for (text, message) in [
        ("", "holds no cases\n    write a list of cases"),
        ("[]", "holds no cases"),
        ("cases: []", "holds no list of cases"),
        (OBJECT, "holds an object where cases are needed\n    give it as -f"),
        ("- {", "\n    fix the YAML there"),
        ("- just text", "case 1 (line 1): is text where fields are needed\n    write a list of"),
    ] {
        let said = said(text);
        assert!(said.len() == 1 && said[0].contains(message), "{text}: {said:?}");
    }
}

#[test]
fn a_mistake_is_told_with_its_case_its_line_and_what_was_meant() {
    let record = "{topic: order, key: o1, value: 1}";
    let known = "orders, order-validations";
    assert_eq!(
        about_record(record),
        [format!(
            "case \"a\": in[0].topic (line 4): order is no input of order-validation\n    \
             did you mean orders? The inputs are: {known}"
        )]
    );
    assert_eq!(
        said("- {name: a, in: [{topic: orders, key: 1, value: 1}], outt: [], out: []}"),
        ["case \"a\": outt (line 1): is an unknown field\n    did you mean out? If not, remove \
          it; known are: name, in, out, overdue, deadLetters, state, until, order, partitions, \
          start"]
    );
}

#[test]
fn each_mistake_in_a_record_has_a_remedy() {
    for (record, message) in [
        (
            "{topics: orders, key: o1, value: 1}",
            "in[0].topics (line 4): is an unknown field\n    did",
        ),
        ("{key: o1, value: 1}", "in[0].topic (line 4): is missing\n    add it: an input"),
        ("{topic: [], key: o1, value: 1}", "in[0].topic (line 4): is a list where text is needed"),
        ("{topic: orders-validated, key: o1, value: 1}", "is no input of order-validation"),
        ("{topic: orders, value: 1}", "in[0].key (line 4): is missing\n    add it; key: null is"),
        ("{topic: orders, key: 1.5, value: 1}", "key (line 4): is a number where text is needed"),
        (
            "{topic: orders, key: o1}",
            "in[0].value (line 4): is missing\n    add it; value: null is",
        ),
        ("{topic: orders, key: o1, value: .inf}", "is no number in JSON\n    write it in quotes"),
        ("{topic: orders, key: o1, value: !x 1}", "has the tag !x"),
        ("{topic: orders, key: o1, value: 1, valueBase64: YQ==}", "is given, and value, too"),
        ("{topic: orders, key: o1, keyBase64: YQ==, value: 1}", "is given, and key, too"),
        ("{topic: orders, key: o1, valueBase64: '*'}", "\"*\" is no digit of base64"),
        ("{topic: orders, key: o1, valueBase64: a}", "its length is not that of base64"),
        ("{topic: orders, key: o1, value: 1, headers: a}", "is text where names and values are"),
        (
            "{topic: orders, key: o1, value: 1, partition: 64}",
            "is 64\n    write a number from 0 to",
        ),
        ("{topic: orders, key: o1, value: 1, partition: -1}", "is -1\n    write a number from 0"),
        ("{topic: orders, key: o1, value: 1, at: 1h}", "\"1h\" is no time\n    write +1h, to"),
        ("{topic: orders, key: o1, value: 1, at: 2025-01-01}", "write 2025-01-01T00:00:00Z"),
        ("{topic: orders, key: o1, value: 1, at: 7}", "at (line 4): \"7\" is no time"),
        (
            "just text",
            "in[0] (line 4): is text where fields are needed\n    write a record such as",
        ),
    ] {
        let said = about_record(record);
        assert!(said.iter().any(|said| said.contains(message)), "{record}: {said:?}");
        assert!(said.iter().all(|said| said.starts_with("case \"a\": ")), "{said:?}");
    }
}

#[test]
fn times_do_not_go_backwards() {
    let records = |at: &str| {
        let at = format!("{{topic: orders, key: o1, value: null, at: {at}}}");
        let first = "{topic: orders, key: o1, value: null, at: +1h}";
        said(&format!("- name: a\n  out: []\n  in:\n  - {first}\n  - {at}\n"))
    };
    assert_eq!(records("+1h"), [""; 0]);
    let said = records("+59m");
    let message = "in[1].at (line 5): +59m is before 2025-01-01T01:00:00Z, the time of the record \
                   before it\n    records are written in the order of their times: move it up";
    assert!(said.len() == 1 && said[0].contains(message), "{said:?}");
    assert!(records("2024-12-31T00:00:00Z")[0].contains("the time of the record before it"));
}

#[test]
fn each_mistake_in_a_case_has_a_remedy() {
    for (fields, message) in [
        ("partitions: 1", "case \"a\" (line 1): expects nothing\n    add out, overdue,"),
        ("out: 1", "out (line 3): is a number where a list is needed\n    write a list of records"),
        ("out: {contain: []}", "did you mean contains?"),
        ("out: {contains: 1}", "is no list of records"),
        ("out: [1]", "out[0] (line 3): is a number where fields are needed\n    write a record"),
        ("out: [{key: a}]", "out[0].topic (line 3): is missing\n    add it: an output"),
        ("out: [{topic: orders-fail}]", "did you mean orders-failed? write one of:"),
        ("out: [{topic: orders-failed, reason: a}]", "out[0].reason (line 3): is an unknown field"),
        ("out: [{topic: orders-failed, headers: 1}]", "has no names and values"),
        ("overdue: [{topic: orders-late}]", "overdue[0].topic (line 3): is an unknown field"),
        ("overdue: []\n  out: [{topic: orders-late}]", "has a record of orders-late, which are"),
        (
            "deadLetters: [{topic: orders-failed}]",
            "orders-failed is no input, and a dead letter is",
        ),
        ("deadLetters: [{valueBase64: '?'}]", "is no digit of base64"),
        ("state: []", "state (line 3): is a list where keys are needed\n    write each key"),
        ("state: {o1: completed}", "state.o1 (line 3): is text where fields are needed\n    write"),
        ("state: {o1: {mising: [a]}}", "did you mean missing?"),
        ("out: []\n  until: yesterday", "until (line 4): \"yesterday\" is no time"),
        ("out: []\n  until: +30m", "+30m is before the last record"),
        ("out: []\n  order: loose", "order (line 4): is not known\n    write strict, if"),
        ("out: []\n  partitions: 0", "is 0\n    write a number from 1 to 64"),
        ("out: []\n  start: +1h", "start (line 4): \"+1h\" is no time\n    write it as RFC 3339"),
    ] {
        let said = about_case(fields);
        assert!(said.iter().any(|said| said.contains(message)), "{fields}: {said:?}");
    }
    let no_name = said("- {in: [], out: []}\n- {name: b, out: []}");
    assert!(no_name[0].starts_with("case 1: name (line 1): is missing"), "{no_name:?}");
    assert!(no_name[1].starts_with("case 1: in (line 1): has no records"), "{no_name:?}");
    assert!(no_name[2].starts_with("case \"b\": in (line 2): is missing"), "{no_name:?}");
}

#[test]
fn a_name_stands_once_in_a_file() {
    let case = "- {name: a, in: [{topic: orders, key: o1, value: 1}], out: []}\n";
    let said = said(&case.repeat(2));
    assert!(said.len() == 1 && said[0].contains("name (line 2): is the name of another case"));
}

#[test]
fn a_directory_stands_for_its_files_and_one_without_is_refused() {
    let dir = tempfile::TempDir::new().expect("a temporary directory");
    let path = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(path("cases/more")).expect("the directory is ours");
    let refused = read::files(&[path("cases")]).expect_err("nothing is there");
    assert!(refused.contains("nothing would be tested"), "{refused}");
    for name in ["cases/b.yaml", "cases/more/a.yml", "cases/page.md"] {
        std::fs::write(path(name), "").expect("the directory is ours");
    }
    let files = read::files(&[path("cases"), path("cases/b.yaml"), path("cases/page.md")]);
    let expected = ["cases/b.yaml", "cases/more/a.yml", "cases/page.md"].map(path);
    assert_eq!(files.expect("they are there"), expected);
    let refused = read::files(&[path("gone")]).expect_err("it is not there");
    assert!(refused.contains("there is no such file"), "{refused}");
}
