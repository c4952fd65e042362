//! The report for CI servers: JUnit's XML.

use std::fmt::Write;

use super::{case::Case, report, trial::Verdict};

/// The cases of a file, with what has become of each.
pub type Suite<'a> = (&'a str, Vec<(&'a Case, &'a Verdict)>);

/// Returns the report.
pub fn report(suites: &[Suite<'_>]) -> String {
    let all = suites.iter().flat_map(|(_, cases)| cases);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rollcall test\"{}>\n",
        totals(all.copied())
    );
    for (file, cases) in suites {
        let totals = totals(cases.iter().copied());
        line(&mut text, &format!("  <testsuite name=\"{}\"{totals}>", escaped(file)));
        for (case, verdict) in cases {
            let name = escaped(&case.name);
            let took = verdict.took.as_secs_f64();
            let start = format!(
                "    <testcase classname=\"{}\" name=\"{name}\" time=\"{took:.3}\"",
                escaped(file)
            );
            let Some(failure) = &verdict.failure else {
                line(&mut text, &format!("{start}/>"));
                continue;
            };
            line(&mut text, &format!("{start}>"));
            line(
                &mut text,
                &format!(
                    "      <failure message=\"{}\">{}</failure>\n    </testcase>",
                    escaped(&failure.way),
                    escaped(&report::of_failure(failure))
                ),
            );
        }
        line(&mut text, "  </testsuite>");
    }
    text + "</testsuites>\n"
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes every text");
}

fn totals<'a>(cases: impl Iterator<Item = (&'a Case, &'a Verdict)> + Clone) -> String {
    let failures = cases.clone().filter(|(_, verdict)| verdict.failure.is_some()).count();
    let took: f64 = cases.clone().map(|(_, verdict)| verdict.took.as_secs_f64()).sum();
    format!(" tests=\"{}\" failures=\"{failures}\" errors=\"0\" time=\"{took:.3}\"", cases.count())
}

/// Returns a text for XML, which has no other control characters than these three.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_kind_is_valid_xml() {
        assert_eq!(escaped("a<b & \"c\">\u{1b}\n"), "a&lt;b &amp; &quot;c&quot;&gt;\u{fffd}\n");
    }
}
