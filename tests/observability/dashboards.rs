//! The rules of the dashboards.

use std::collections::BTreeSet;

use rollcall_service::metrics::Kind;
use serde_json::Value;

use super::{assert_none, catalogue, files, read};

/// A dashboard's file name and content.
struct Board {
    name: String,
    json: Value,
}

impl Board {
    /// Returns the panels that show data, with a name for messages.
    fn panels(&self) -> impl Iterator<Item = (String, &Value)> {
        let panels = self.json["panels"].as_array().expect("a dashboard has panels").iter();
        panels.filter(|panel| panel["type"] != "row").map(|panel| {
            (format!("{}: {}", self.name, panel["title"].as_str().unwrap_or("(no title)")), panel)
        })
    }

    /// Returns the queries of all panels.
    fn queries(&self) -> impl Iterator<Item = (String, &str)> {
        self.panels().flat_map(|(name, panel)| {
            let targets = panel["targets"].as_array().into_iter().flatten();
            targets.map(move |target| (name.clone(), text(&target["expr"])))
        })
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn boards() -> Vec<Board> {
    let board = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let json = serde_json::from_str(&read(&path)).unwrap_or_else(|e| panic!("{name}: {e}"));
        Board { name, json }
    };
    files("charts/rollcall/dashboards", "json").into_iter().map(board).collect()
}

#[test]
fn a_dashboard_is_imported_without_questions() {
    let mut findings = Vec::new();
    let mut uids = BTreeSet::new();
    for board in boards() {
        let json = &board.json;
        let mut check = |fine: bool, what: &str| {
            if !fine {
                findings.push(format!("{}: {what}", board.name));
            }
        };
        check(json.get("__inputs").is_none(), "__inputs prompt the user on import");
        check(json.get("id").is_none(), "an id belongs to one Grafana");
        check(uids.insert(text(&json["uid"]).to_owned()), "its uid is another's, too");
        check(
            format!("{}.json", text(&json["uid"])) == board.name,
            "the uid is not the file's name",
        );
        check(!text(&json["title"]).is_empty(), "no title");
        check(!text(&json["description"]).is_empty(), "no description");
        check(json["schemaVersion"].as_u64() >= Some(39), "an old schema");
        let first = &json["templating"]["list"][0];
        check(
            first["type"] == "datasource" && first["name"] == "datasource",
            "no datasource variable",
        );
    }
    assert_none("dashboards can be imported anywhere", &findings);
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    let mut findings = Vec::new();
    for (name, panel) in boards().iter().flat_map(Board::panels) {
        let defaults = &panel["fieldConfig"]["defaults"];
        for (what, value) in [
            ("title", &panel["title"]),
            ("description", &panel["description"]),
            ("unit", &defaults["unit"]),
            ("thresholds", &defaults["thresholds"]["mode"]),
        ] {
            if text(value).is_empty() {
                findings.push(format!("{name}: no {what}"));
            }
        }
        if !text(&panel["description"]).ends_with('.') {
            findings.push(format!("{name}: the description is no sentence"));
        }
        let targets = panel["targets"].as_array().into_iter().flatten();
        for source in std::iter::once(panel).chain(targets).map(|part| &part["datasource"]["uid"]) {
            if source != "${datasource}" {
                findings.push(format!("{name}: a fixed data source: {source}"));
            }
        }
    }
    assert_none("panels explain themselves", &findings);
}

#[test]
fn panels_lie_beside_each_other() {
    let mut findings = Vec::new();
    for board in boards() {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in board.json["panels"].as_array().expect("a dashboard has panels") {
            let side = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
            let (x, y, w, h) = (side("x"), side("y"), side("w"), side("h"));
            let cells = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
            let overlaps = cells.filter(|cell| !taken.insert(*cell)).count() > 0;
            if overlaps || x + w > 24 || !ids.insert(panel["id"].as_u64()) {
                findings.push(format!("{}: {}", board.name, text(&panel["title"])));
            }
        }
    }
    assert_none("panels do not overlap, fit the 24 columns and have ids of their own", &findings);
}

#[test]
fn queries_ask_for_metrics_of_the_catalogue_and_for_counters_by_their_rate() {
    let mut findings = Vec::new();
    for (name, query) in boards().iter().flat_map(Board::queries) {
        let named = catalogue::named(query);
        if named.is_empty() {
            findings.push(format!("{name}: asks for nothing of ours: {query}"));
        }
        for metric in named {
            let Some(known) = catalogue::metric(metric.name) else {
                findings.push(format!("{name}: no such metric: {}", metric.name));
                continue;
            };
            let rate = metric.before.ends_with("rate(");
            let increase = metric.before.ends_with("increase(");
            let range = metric.after.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
            let range = range.map_or("", |(range, _)| range);
            match known.kind {
                Kind::Gauge if rate || increase => {
                    findings.push(format!("{name}: the rate of a gauge: {}", metric.name));
                }
                Kind::Counter | Kind::Histogram if !(rate || increase) => {
                    findings.push(format!("{name}: a bare counter: {}", metric.name));
                }
                Kind::Counter | Kind::Histogram
                    if range != "$__rate_interval" && !(increase && range == "$__range") =>
                {
                    findings.push(format!("{name}: a fixed range: {query}"));
                }
                _ => {}
            }
        }
    }
    assert_none("queries", &findings);
}

#[test]
fn a_dashboard_shows_one_cluster_at_a_time() {
    let mut findings = Vec::new();
    for board in boards() {
        let list = board.json["templating"]["list"].as_array().expect("a list");
        let definitions = list.iter().map(|variable| {
            let name = text(&variable["name"]);
            (format!("{}: ${name}", board.name), text(&variable["definition"]), name == "cluster")
        });
        let of_one =
            definitions.filter(|(_, definition, is_cluster)| !is_cluster && !definition.is_empty());
        let of_one = of_one.map(|(name, definition, _)| (name, definition));
        for (name, query) in board.queries().chain(of_one) {
            let metrics = catalogue::named(query).into_iter();
            let others = metrics.filter(|it| !it.after.starts_with("{cluster=\"$cluster\""));
            findings.extend(others.map(|metric| format!("{name}: {}", metric.name)));
        }
    }
    assert_none("queries of all clusters at once", &findings);
}

#[test]
fn every_variable_of_a_query_is_one_of_the_dashboard() {
    let mut findings = Vec::new();
    for board in boards() {
        let list = board.json["templating"]["list"].as_array().expect("a list");
        let known: BTreeSet<_> = list.iter().map(|variable| text(&variable["name"])).collect();
        for (name, query) in board.queries() {
            let used = query.split('$').skip(1).map(|rest| {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
                &rest[..end.unwrap_or(rest.len())]
            });
            let unknown = used.filter(|used| !used.starts_with("__") && !known.contains(used));
            findings.extend(unknown.map(|variable| format!("{name}: ${variable}")));
        }
    }
    assert_none("variables are declared", &findings);
}
