//! The custom resource definition, and the Kafka client's connection settings.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::bounds::Bounds;
use super::*;

mod entries;
mod formats;

const DEMO: &str = include_str!("../../manifests/local/shipping.yaml");

#[test]
fn every_example_of_the_tree_is_valid() {
    for text in [
        DEMO,
        include_str!("../../manifests/compose/shipping.yaml"),
        include_str!("../../manifests/demo/shipping.yaml"),
    ] {
        parse(text).expect("it is valid");
    }
    let page = include_str!("../../docs/your-own-topics.md");
    let object = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let settings = parse(object.expect("the page has an object")).expect("it is valid");
    assert_eq!(settings.inputs(), ["deliveries", "scans"]);
}

fn schema() -> JSONSchemaProps {
    let version = Reconciliation::crd().spec.versions.swap_remove(0);
    version.schema.and_then(|schema| schema.open_api_v3_schema).expect("a schema")
}

/// Calls `visit` with the path and the schema of every field below `schema`.
fn walk(path: &str, schema: &JSONSchemaProps, visit: &mut dyn FnMut(&str, &JSONSchemaProps)) {
    for (name, field) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        visit(&path, field);
        walk(&path, field, visit);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        walk(&format!("{path}[]"), item, visit);
    }
}

#[test]
fn every_field_of_the_definition_is_described() {
    let mut fields = 0;
    walk("", &schema(), &mut |path, field| {
        fields += 1;
        assert!(field.description.as_ref().is_some_and(|text| !text.is_empty()), "{path}");
    });
    assert!(fields > 60, "{fields}");
}

/// Requirements of the API server on a definition that a derived one could miss.
#[test]
fn the_definition_is_structural() {
    walk("", &schema(), &mut |path, field| {
        let has_any_type = field.x_kubernetes_int_or_string == Some(true)
            || field.x_kubernetes_preserve_unknown_fields == Some(true);
        assert!(field.type_.is_some() || has_any_type, "{path} has no type");
        assert!(field.ref_path.is_none() && field.one_of.is_none(), "{path}");
        assert!(field.any_of.is_none() && field.all_of.is_none() && field.not.is_none(), "{path}");
        assert_ne!(field.unique_items, Some(true), "{path}");
        if field.properties.is_some() {
            assert!(field.additional_properties.is_none(), "{path}");
        }
        if let Some(JSONSchemaPropsOrBool::Bool(_)) = field.additional_properties {
            panic!("{path} takes or forbids everything");
        }
    });
    let definition = Reconciliation::crd();
    assert_eq!(definition.metadata.name.as_deref(), Some("reconciliations.rollcall.dev"));
    assert_eq!(definition.spec.scope, "Namespaced");
    assert_eq!(definition.spec.names.short_names, Some(vec!["recon".to_owned()]));
    assert_eq!(definition.spec.versions[0].name, "v1alpha1");
}

#[test]
fn descriptions_tell_the_bounds_that_are_checked() {
    let durations =
        |bounds: Bounds<Duration>| (duration::format(bounds.min), duration::format(bounds.max));
    let amounts = |bounds: Bounds<u64>| (bytes::format(bounds.min), bytes::format(bounds.max));
    let instants = |bounds: Bounds<i64>| (instant::format(bounds.min), instant::format(bounds.max));
    let counts = |bounds: Bounds<i32>| (bounds.min.to_string(), bounds.max.to_string());
    let told = [
        (".spec.overdue.after", durations(bounds::DEADLINE)),
        (".spec.orphans.after", durations(bounds::DEADLINE)),
        (".spec.expire.after", durations(bounds::DEADLINE)),
        (".spec.memory", durations(bounds::MEMORY)),
        (".spec.commitInterval", durations(bounds::COMMIT_INTERVAL)),
        (".spec.topics.changelog.deleteRetention", durations(bounds::DELETE_RETENTION)),
        (".spec.topics.changelog.segmentBytes", amounts(bounds::SEGMENT_BYTES)),
        (".spec.commitBudget", counts(bounds::COMMIT_BUDGET)),
        (".spec.topics.partitions", counts(bounds::PARTITIONS)),
        (".spec.topics.replicationFactor", counts(bounds::REPLICATION)),
        (".spec.limits.rowBytes", amounts(bounds::ROW_BYTES)),
        (".spec.limits.keyBytes", amounts(bounds::KEY_BYTES)),
        (".spec.limits.itemsPerExpectation", counts(bounds::ITEMS)),
        (".spec.limits.timestampMin", instants(bounds::TIMESTAMP_MIN)),
        (".spec.limits.timestampAhead", durations(bounds::TIMESTAMP_AHEAD)),
        (".spec.memoryBudget", amounts(bounds::MEMORY_BUDGET)),
        (".spec.replicas", counts(bounds::REPLICAS)),
        (".spec.console.replicas", counts(bounds::CONSOLES)),
    ];
    let mut found = 0;
    walk("", &schema(), &mut |path, field| {
        let Some((_, (min, max))) = told.iter().find(|(told, _)| *told == path) else { return };
        found += 1;
        let description = field.description.as_ref().expect("a description").replace('\n', " ");
        let bounds = format!("etween {min} and {max}");
        assert!(description.contains(&bounds), "{path} does not say b{bounds}");
    });
    assert_eq!(found, told.len());
}

/// Returns the API server's errors for `new`, applied over `old`, after defaulting.
fn refusals(new: &str, old: Option<&str>) -> Vec<String> {
    let schema = serde_json::to_value(schema()).expect("a schema is plain data");
    let object = |text: &str| -> Value {
        kube_cel::apply_defaults(&schema, &serde_yaml::from_str(text).expect("YAML"))
    };
    let found =
        kube_cel::Validator::new().validate(&schema, &object(new), old.map(object).as_ref());
    let found = found.err().map(kube_cel::ValidationErrors::into_vec).unwrap_or_default();
    found.into_iter().map(|error| error.message).collect()
}

/// Returns the API server's errors for the demo's object with `from` replaced by `to`.
fn refusals_with(from: &str, to: &str, old: Option<&str>) -> Vec<String> {
    assert!(DEMO.contains(from), "{from}");
    refusals(&DEMO.replacen(from, to, 1), old)
}

#[test]
fn the_rules_of_the_definition_let_the_demo_pass() {
    assert_eq!(refusals(DEMO, None), [""; 0]);
    assert_eq!(refusals(DEMO, Some(DEMO)), [""; 0]);
    assert_eq!(refusals_with("memory: 7d", "memory: 30d", Some(DEMO)), [""; 0]);
}

#[test]
fn the_rules_of_the_definition_refuse_what_validation_refuses() {
    let kafka = "bootstrapServers: localhost:9092";
    for (from, to, message) in [
        ("name: shipping", "name: 2shipping", "begins with a letter"),
        ("topic: manufactured", "topic: orders", "all but the last need a where"),
        ("topic: shipping\n", "topic: manufactured\n", "topics must differ"),
        ("topic: shipping-overdue", "topic: orders", "topics must differ"),
        ("topic: shipping-dead-letter", "topic: shipping-overdue", "topics must differ"),
        ("item: $.productId", "item: $.productId\n    quantity: $.n", "counting: quantity"),
        (
            "item: $.productId",
            "item: $.id\n  - { topic: manufactured, item: $.id }",
            "all but the last need a where",
        ),
        (
            "topic: manufactured",
            "topic: manufactured\n    where: [{ path: $.a, header: a, exists: true }]",
            "give path or header",
        ),
        (
            "topic: orders",
            "topic: orders\n    where: [{ path: $.a, in: [a], exists: true }]",
            "give one of in, notIn and exists",
        ),
        ("topic: orders", "topic: orders\n    where: [{ header: a }]", "give one of in"),
        (
            "item: $.productId",
            "item: $.productId\n    outcome: { path: $.r, failed: [a] }",
            "failed and the failed values of an outcome belong together",
        ),
        ("memory: 7d", "memory: 7d\n  failed: {}", "failed and the failed values"),
        (
            "items: $.items[*].id",
            "item: $.line\n    total: $.lines\n    allowEmpty: true",
            "allowEmpty has no effect beside item",
        ),
        ("memory: 7d", "memory: 7d\n  cancelled: { topic: orders }", "topics must differ"),
        (kafka, "bootstrapServers: k\n    tls: { certificateFile: a }", "belong together"),
        (kafka, "bootstrapServers: k\n    sasl: { mechanism: PLAIN }", "one source"),
        (
            kafka,
            "bootstrapServers: k\n    sasl: { mechanism: OAUTHBEARER, secretRef: { name: s } }",
            "OAUTHBEARER takes oauth alone",
        ),
        (
            kafka,
            "bootstrapServers: k\n    sasl: { mechanism: PLAIN, secretRef: { name: s }, oauth: { \
             tokenEndpoint: 'https://a/', secretRef: { name: c } } }",
            "OAUTHBEARER takes oauth alone",
        ),
        (
            kafka,
            "bootstrapServers: k\n    sasl: { mechanism: OAUTHBEARER, oauth: { tokenEndpoint: \
             'https://a/', clientIdEnv: A } }",
            "one source of the client id",
        ),
        (
            kafka,
            "bootstrapServers: k\n    sasl: { mechanism: OAUTHBEARER, oauth: { tokenEndpoint: \
             'https://a/', secretRef: { name: c }, caFile: a, caSecretRef: { name: b } } }",
            "caSecretRef or caFile",
        ),
    ] {
        assert_refused(from, to, message);
    }
}

/// Checks that both the definition and validation refuse the demo with another text.
fn assert_refused(from: &str, to: &str, message: &str) {
    let found = refusals_with(from, to, None);
    assert_eq!(found.len(), 1, "{to}: {found:?}");
    assert!(found[0].contains(message), "{to}: {found:?}");
    assert!(parse(&DEMO.replacen(from, to, 1)).is_err(), "{to}");
}

#[test]
fn what_state_belongs_to_cannot_change() {
    for (from, to, message) in [
        ("topic: orders", "topic: orders2", "expected.topic cannot change"),
        ("topic: manufactured", "topic: made", "observed topics cannot change"),
        (
            "  - topic: manufactured",
            "  - { topic: made, item: $.id }\n  - topic: manufactured",
            "observed topics cannot change",
        ),
        ("counting: distinct", "counting: quantity", "counting cannot change"),
        (
            "  expected: # which products an order needs\n",
            "  partitioner: unchecked\n  expected:\n    recordKey: { json: $.id }\n",
            "recordKey cannot change",
        ),
        ("items: $.items[*].id", "count: $.total", "cannot become each other"),
        ("items: $.items[*].id", "item: $.line\n    total: $.lines", "cannot become each other"),
        (
            "bootstrapServers: localhost:9092",
            "bootstrapServers: k\n    groupId: other",
            "groupId cannot change",
        ),
    ] {
        let found = refusals_with(from, to, Some(DEMO));
        assert_eq!(found.len(), 1, "{to}: {found:?}");
        assert!(found[0].contains(message), "{to}: {found:?}");
        assert_eq!(refusals_with(from, to, None), [""; 0], "{to}");
    }
}

#[test]
fn where_the_key_of_an_observed_topic_is_cannot_change() {
    let unchecked = DEMO.replacen("memory: 7d", "memory: 7d\n  partitioner: unchecked", 1);
    let to = "topic: manufactured\n    recordKey: { json: $.id }";
    let with_part = unchecked.replacen("topic: manufactured", to, 1);
    assert_eq!(refusals(&with_part, None), [""; 0]);
    for (new, old) in [(&with_part, &unchecked), (&unchecked, &with_part)] {
        let found = refusals(new, Some(old));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("recordKey of observed topics cannot change"), "{found:?}");
    }
}

#[test]
fn the_group_protocol_changes_only_while_nothing_runs() {
    let kafka = "bootstrapServers: localhost:9092";
    let consumer = format!("{kafka}\n    groupProtocol: consumer");
    let found = refusals_with(kafka, &consumer, Some(DEMO));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("only while paused"), "{found:?}");
    let paused = DEMO.replacen("memory: 7d", "memory: 7d\n  paused: true", 1);
    assert_eq!(refusals(&paused.replacen(kafka, &consumer, 1), Some(&paused)), [""; 0]);
}

/// The API server refuses a definition whose rules may run long; unbounded lists would make them
/// so.
#[test]
fn the_rules_of_the_definition_are_cheap() {
    let rules_at = |path: &str| {
        let schema = serde_json::to_value(schema()).expect("a schema is plain data");
        schema.pointer(path).cloned().unwrap_or_else(|| panic!("{path}"))
    };
    let conditions = "/properties/spec/properties/expected/properties/where/items";
    for path in ["", "/properties/spec", "/properties/spec/properties/kafka", conditions] {
        let part = rules_at(path);
        let compiled = kube_cel::compile_schema(&part);
        assert!(!compiled.has_errors(), "{:?}", compiled.compilation_errors());
        for rule in part["x-kubernetes-validations"].as_array().expect("rules") {
            let text = rule["rule"].as_str().expect("a rule");
            let warnings = kube_cel::estimate_rule_cost(text, &compiled);
            assert!(warnings.is_empty(), "{text}: {warnings:?}");
        }
    }
}

#[test]
fn a_stored_object_reads_back_as_it_was_written() {
    let object = Reconciliation::from_yaml(DEMO).expect("the demo's object");
    let stored = serde_yaml::to_string(&object).expect("an object is plain data");
    assert_eq!(Reconciliation::from_yaml(&stored), Ok(object));
}

fn properties(kafka: &str) -> std::collections::BTreeMap<String, String> {
    let text = DEMO.replace(
        "bootstrapServers: localhost:9092",
        &format!("bootstrapServers: k:1\n    {kafka}"),
    );
    let settings = parse(&text).expect("a valid object");
    settings.kafka.client_properties().expect("readable secrets")
}

#[test]
fn a_plain_connection_needs_two_settings_and_those_given() {
    let found = properties("properties: { client.id: shipping }");
    let found = serde_json::to_value(found).expect("plain data");
    assert_eq!(
        found,
        json!({
            "bootstrap.servers": "k:1",
            "security.protocol": "plaintext",
            "client.id": "shipping"
        })
    );
}

#[test]
fn secrets_come_from_files_and_the_environment() {
    let dir = tempfile::tempdir().expect("a directory");
    let password = dir.path().join("password");
    std::fs::write(&password, "s3cret \n").expect("a file");
    let found = properties(&format!(
        "tls: {{ caFile: /ca.pem, certificateFile: /c.pem, keyFile: /k.pem }}\n    \
         sasl: {{ mechanism: SCRAM-SHA-512, usernameEnv: PATH, passwordFile: {} }}",
        password.display()
    ));
    assert_eq!(found["security.protocol"], "sasl_ssl");
    assert_eq!(found["ssl.ca.location"], "/ca.pem");
    assert_eq!(found["ssl.certificate.location"], "/c.pem");
    assert_eq!(found["ssl.key.location"], "/k.pem");
    assert_eq!(found["sasl.mechanism"], "SCRAM-SHA-512");
    assert_eq!(found["sasl.username"], std::env::var("PATH").expect("a search path"));
    assert_eq!(found["sasl.password"], "s3cret ");
}

#[test]
fn a_login_with_tokens_keeps_them_out_of_the_settings() {
    let found = properties(
        "tls: {}\n    sasl: { mechanism: OAUTHBEARER, oauth: { tokenEndpoint: 'https://login/t', \
         clientIdEnv: PATH, clientSecretEnv: PATH } }",
    );
    assert_eq!(found["security.protocol"], "sasl_ssl");
    assert_eq!(found["sasl.mechanism"], "OAUTHBEARER");
    assert!(
        found.keys().all(|name| !name.contains("oauth") && name != "sasl.username"),
        "{found:?}"
    );
}

#[test]
fn a_secret_that_is_not_there_is_named_with_its_field() {
    let text = DEMO.replace(
        "bootstrapServers: localhost:9092",
        "bootstrapServers: k:1\n    sasl: { mechanism: PLAIN, secretRef: { name: login } }",
    );
    let settings = parse(&text).expect("a valid object");
    let error = settings.kafka.client_properties().expect_err("no such file");
    assert_eq!(
        error.to_string(),
        "spec.kafka.sasl: cannot read file /etc/rollcall/secrets/kafka-sasl/username: \
         there is no such file or directory"
    );
}

#[test]
fn a_file_that_is_not_there_or_not_valid_is_named() {
    let missing = load(Path::new("/nowhere/shipping.yaml")).expect_err("no such file");
    assert_eq!(
        missing.to_string(),
        "cannot read /nowhere/shipping.yaml: there is no such file or directory; check the path \
         that was given as -f, and who may read it"
    );
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("shipping.yaml");
    std::fs::write(&file, DEMO.replace("memory: 7d", "memory: 7")).expect("a file");
    let invalid = load(&file).expect_err("an invalid object").to_string();
    let told = invalid.strip_prefix(&file.display().to_string()).expect("the file's name first");
    assert_eq!(
        told,
        " has 1 problem\nspec.memory (line 26): is the number 7 where a duration is needed\n    \
         write 7s for seconds, 7m for minutes, 7h for hours or 7d for days; ms and w are units, too"
    );
}
