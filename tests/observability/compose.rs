//! What `docker compose up` uses: the files exist, and the images are pinned.

use std::path::Path;

use serde_json::{Map, Value};

use super::{assert_none, read};

fn services() -> Map<String, Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose.yaml");
    let file: Value = serde_yaml::from_str(&read(&file)).expect("compose.yaml is YAML");
    file["services"].as_object().expect("services").clone()
}

#[test]
fn every_file_that_a_container_is_given_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut findings = Vec::new();
    for (name, service) in services() {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let volume = volume.as_str().expect("the short form");
            // Docker creates an empty folder for a missing file.
            let (source, _) = volume.split_once(':').expect("source:target");
            if source.starts_with('.') && !root.join(source).exists() {
                findings.push(format!("{name}: {source}"));
            }
        }
    }
    assert_none("missing", &findings);
}

#[test]
fn every_image_is_pinned_or_built_here() {
    let mut findings = Vec::new();
    for (name, service) in services() {
        let image = service["image"].as_str().expect("an image");
        let tag = image.rsplit_once(':').map(|(_, tag)| tag);
        let digits = tag.is_some_and(|tag| tag.contains(|c: char| c.is_ascii_digit()));
        if !digits && tag != Some("local") {
            findings.push(format!("{name}: {image}"));
        }
    }
    assert_none("not pinned", &findings);
}

/// The dashboards and rules are the chart's own, which are tested; here they only have to be found.
#[test]
fn grafana_and_prometheus_look_where_the_files_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/compose");
    let services = services();
    let target = |service: &str, source: &str| {
        let volumes = services[service]["volumes"].as_array().expect("volumes");
        let volumes = volumes.iter().filter_map(Value::as_str);
        let target = volumes.filter_map(|volume| volume.strip_prefix(source)).next();
        let target = target.unwrap_or_else(|| panic!("{service} is not given {source}"));
        target.trim_start_matches(':').trim_end_matches(":ro").to_owned()
    };
    let dashboards: Value =
        serde_yaml::from_str(&read(&root.join("grafana-dashboards.yaml"))).expect("YAML");
    let path = target("grafana", "./charts/rollcall/dashboards");
    assert_eq!(dashboards["providers"][0]["options"]["path"], path.as_str());
    let home = &services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    assert_eq!(home, &format!("{path}/rollcall-business.json"));

    let prometheus: Value =
        serde_yaml::from_str(&read(&root.join("prometheus.yaml"))).expect("YAML");
    let rules = target("prometheus", "./charts/rollcall/rules");
    assert_eq!(prometheus["rule_files"][0], format!("{rules}/rollcall.yaml"));
}
