//! A registry that is a tiny server, and does what real ones rarely do.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    sync::mpsc::{Receiver, channel},
    thread,
};

use super::*;
use rollcall_object::{RegistryLogin, secret::Secret};
use serde_json::json;

const SCHEMA: &str = r#"{"schema":"\"int\""}"#;
const NONE: &str = r#"{"error_code":40403,"message":"Schema not found"}"#;
const SEVEN: SchemaId = SchemaId::Number(7);

/// Starts a server whose answers `answer` makes of a request's path and how often it was asked.
/// Returns its URL and what it is asked: the path, and the login.
fn serve(
    answer: impl Fn(&str, usize) -> (u16, String) + Send + 'static,
) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (asked, asks) = channel();
    thread::spawn(move || {
        for (count, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let mut stream = BufReader::new(stream);
            let lines = stream.by_ref().lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let path = head[0].split(' ').nth(1).unwrap_or_default().to_owned();
            let login = head.iter().find_map(|line| line.strip_prefix("authorization: "));
            let (status, body) = answer(&path, count);
            let _ = asked.send((path, login.unwrap_or_default().to_owned()));
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
            let more = if status == 302 { "location: http://127.0.0.1:1/\r\n" } else { "" };
            let _ = write!(stream.get_mut(), "{head}{more}\r\n{body}");
        }
    });
    (url, asks)
}

use std::io::Read;

fn registry(urls: &[&str], login: Option<RegistryLogin>) -> Registry {
    let urls = urls.iter().map(|url| url.parse().expect("a URL")).collect();
    let settings = rollcall_object::Registry { urls, login, ca_file: None };
    Registry::new(settings, runtime::Handle::current())
}

/// Returns what is known of a schema once something is.
async fn settled(registry: &Registry, id: SchemaId) -> Lookup {
    for _ in 0..500 {
        match registry.find(id) {
            Lookup::Pending => tokio::time::sleep(Duration::from_millis(10)).await,
            other => return other,
        }
    }
    panic!("nothing becomes known")
}

#[tokio::test]
async fn a_schema_is_asked_for_once() {
    let (url, asks) = serve(|_, _| (200, SCHEMA.to_owned()));
    let registry = registry(&[&format!("{url}/apis/ccompat/v7")], None);
    for _ in 0..10 {
        assert!(matches!(registry.find(SEVEN), Lookup::Pending));
    }
    assert!(matches!(settled(&registry, SEVEN).await, Lookup::Known(_)));
    assert!(matches!(registry.find(SEVEN), Lookup::Known(_)));
    let path = "/apis/ccompat/v7/schemas/ids/7".to_owned();
    assert_eq!(asks.try_iter().collect::<Vec<_>>(), [(path, String::new())]);
    assert_eq!(registry.counts(), Counts { found: 1, cached: 1, ..Counts::default() });
}

#[tokio::test]
async fn a_guid_has_a_path_of_its_own() {
    let (url, asks) = serve(|_, _| (200, SCHEMA.to_owned()));
    let registry = registry(&[&url], None);
    let id = SchemaId::Guid(0x8979_1762_2336_4186_9674_299b_90b2_34dd);
    assert!(matches!(settled(&registry, id).await, Lookup::Known(_)));
    let (path, _) = asks.recv().expect("it is asked");
    assert_eq!(path, "/schemas/guids/89791762-2336-4186-9674-299b90b234dd");
}

#[tokio::test]
async fn a_schema_is_unknown_once_the_registry_has_said_so_three_times() {
    let (url, asks) = serve(|_, _| (404, NONE.to_owned()));
    let registry = registry(&[&url], None);
    assert!(matches!(settled(&registry, SEVEN).await, Lookup::Unknown));
    assert!(matches!(registry.find(SEVEN), Lookup::Unknown));
    assert_eq!(asks.try_iter().count(), 3);
    let (url, _) = serve(|_, count| match count {
        0 => (404, NONE.to_owned()),
        _ => (200, SCHEMA.to_owned()),
    });
    let late = self::registry(&[&url], None);
    assert!(matches!(settled(&late, SEVEN).await, Lookup::Known(_)), "it was on its way");
}

#[tokio::test]
async fn a_registry_that_fails_is_asked_again_and_says_why_meanwhile() {
    let (url, _) = serve(|_, count| match count {
        0 => (500, "oh".to_owned()),
        _ => (200, SCHEMA.to_owned()),
    });
    let registry = registry(&[&url], None);
    let Lookup::Unavailable(why) = settled(&registry, SEVEN).await else { panic!("it fails") };
    assert!(why.contains(&format!("{url}/: it answers 500")), "{why}");
    assert_eq!(registry.counts().awaited, 1);
    tokio::time::sleep(RETRY_MIN + Duration::from_millis(500)).await;
    assert!(matches!(registry.find(SEVEN), Lookup::Known(_)));
    let counts = registry.counts();
    assert_eq!((counts.found, counts.failed, counts.awaited), (1, 1, 0));
}

#[tokio::test]
async fn garbage_redirects_and_huge_answers_are_no_answers() {
    for (status, body, why) in [
        (200, "<html>".to_owned(), "something else than a schema"),
        (302, String::new(), "redirects are not followed"),
        (404, "not here".to_owned(), "with its path"),
        (401, String::new(), "check the login"),
        (200, "x".repeat(9 << 20), "more than 8388608 bytes"),
    ] {
        let (url, _) = serve(move |_, _| (status, body.clone()));
        let found = settled(&registry(&[&url], None), SEVEN).await;
        let Lookup::Unavailable(found) = found else { panic!("{why}: {found:?}") };
        assert!(found.contains(why), "{found}");
    }
    let nobody = "http://127.0.0.1:1";
    let found = settled(&registry(&[nobody], None), SEVEN).await;
    let Lookup::Unavailable(found) = found else { panic!("{found:?}") };
    assert!(found.contains("http://127.0.0.1:1/: nothing listens there"), "{found}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_only_for_a_while() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let registry = registry(&[&url], None);
    let began = Instant::now();
    let Lookup::Unavailable(why) = settled(&registry, SEVEN).await else { panic!("no answer") };
    assert!((PENDING_MAX..PENDING_MAX * 3).contains(&began.elapsed()));
    assert!(why.ends_with("has not answered yet"), "{why}");
}

#[tokio::test]
async fn a_registry_that_is_away_is_asked_for_a_bounded_number_of_schemas() {
    let registry = registry(&["http://127.0.0.1:1"], None);
    // Nothing is asked before the test waits for something.
    let max = CACHED_MAX as u32;
    for id in 0..max {
        assert!(matches!(registry.find(SchemaId::Number(id)), Lookup::Pending));
    }
    assert!(matches!(registry.find(SchemaId::Number(max)), Lookup::Unavailable(_)));
    assert!(matches!(registry.find(SchemaId::Number(0)), Lookup::Pending));
    assert_eq!(registry.counts().awaited, u64::from(max));
}

#[tokio::test]
async fn the_next_url_is_tried_and_kept() {
    let (url, asks) = serve(|_, _| (200, SCHEMA.to_owned()));
    let registry = registry(&["http://127.0.0.1:1", &url], None);
    for id in 0..3 {
        assert!(matches!(settled(&registry, SchemaId::Number(id)).await, Lookup::Known(_)));
    }
    assert_eq!((asks.try_iter().count(), registry.counts().failed), (3, 1));
}

#[tokio::test]
async fn the_login_is_read_when_it_is_needed() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).expect("written");
        Secret::File(dir.path().join(name))
    };
    let (username, password) = (file("user", "me\n"), file("password", "a:b"));
    let (url, asks) = serve(|_, _| (200, SCHEMA.to_owned()));
    let basic = registry(&[&url], Some(RegistryLogin::Password { username, password }));
    assert!(matches!(settled(&basic, SEVEN).await, Lookup::Known(_)));
    assert_eq!(asks.recv().expect("it is asked").1, "Basic bWU6YTpi");
    let bearer = registry(&[&url], Some(RegistryLogin::Token(file("token", "t1"))));
    assert!(matches!(settled(&bearer, SEVEN).await, Lookup::Known(_)));
    file("token", "t2");
    assert!(matches!(settled(&bearer, SchemaId::Number(8)).await, Lookup::Known(_)));
    let logins: Vec<_> = asks.try_iter().map(|(_, login)| login).collect();
    assert_eq!(logins, ["Bearer t1", "Bearer t2"]);
    let missing = Secret::File(dir.path().join("no"));
    let missing = registry(&[&url], Some(RegistryLogin::Token(missing)));
    let Lookup::Unavailable(why) = settled(&missing, SEVEN).await else { panic!("no token") };
    assert!(why.starts_with("spec.registry: cannot read file"), "{why}");
}

#[tokio::test]
async fn schemas_that_are_used_are_asked_for_first() {
    let using = |subject: &str, schema: &str| {
        let schema = schema.replace('"', "\\\"");
        let reference = format!(r#"{{"name":"{subject}","subject":"{subject}","version":1}}"#);
        format!(r#"{{"schema":"{schema}","references":[{reference}]}}"#)
    };
    let record = |name: &str, of: &str| {
        format!(r#"{{"type":"record","name":"{name}","fields":[{{"name":"f","type":"{of}"}}]}}"#)
    };
    let (url, asks) = serve(move |path, _| match path {
        "/schemas/ids/7" => (200, using("b/c", &record("A", "B"))),
        "/subjects/b%2Fc/versions/1?deleted=true" => (200, using("c", &record("B", "C"))),
        "/subjects/c/versions/1?deleted=true" => {
            let schema = record("C", "int").replace('"', "\\\"");
            (200, format!(r#"{{"schema":"{schema}"}}"#))
        }
        "/schemas/ids/8" => (200, using("self", "\"int\"")),
        "/subjects/self/versions/1?deleted=true" => (200, using("self", "\"int\"")),
        "/schemas/ids/9" => (200, using("gone", "\"int\"")),
        "/schemas/ids/10" => (200, r#"{"schema":"x","schemaType":"XML"}"#.to_owned()),
        "/schemas/ids/11" => (200, r#"{"schema":"x;","schemaType":"PROTOBUF"}"#.to_owned()),
        "/schemas/ids/12" => {
            (200, using("c", "\"int\"").replace("}]}", r#"}],"schemaType":"PROTOBUF"}"#))
        }
        _ => (404, NONE.to_owned()),
    });
    let registry = registry(&[&url], None);
    let found = settled(&registry, SEVEN).await;
    assert!(matches!(found, Lookup::Known(_)), "{found:?}");
    assert_eq!(asks.try_iter().count(), 3);
    let found = settled(&registry, SchemaId::Number(8)).await;
    assert!(matches!(found, Lookup::Known(_)), "what uses itself is asked for once: {found:?}");
    for (id, why) in [
        (9, "version 1 of \"gone\""),
        (10, "a schema of another type than"),
        (11, "it is no schema of Protobuf: "),
        (12, "\"c\", which is a schema of another type"),
    ] {
        let Lookup::Unusable(found) = settled(&registry, SchemaId::Number(id)).await else {
            panic!("{why}")
        };
        assert!(found.contains(why), "{found}");
    }
}

/// An order uses two schemas, which use different versions of a third.
#[tokio::test]
async fn of_two_versions_of_a_schema_the_first_counts() {
    let (url, _) = serve(|path, _| {
        let (fields, references) = match path {
            "/schemas/ids/7" => ("A B", "B-1 C-2"),
            "/subjects/B/versions/1?deleted=true" => ("B C", "C-1"),
            "/subjects/C/versions/1?deleted=true" => ("C int", ""),
            "/subjects/C/versions/2?deleted=true" => ("C string", ""),
            other => panic!("{other} is not needed"),
        };
        let (name, of) = fields.split_once(' ').expect("a name and the type of its field");
        let fields = json!([{"name": "f", "type": of}]);
        let schema = json!({"type": "record", "name": name, "fields": fields}).to_string();
        let references = references.split_whitespace().map(|reference| {
            let (subject, version) = reference.split_once('-').expect("a version");
            let version: u32 = version.parse().expect("a number");
            json!({"name": subject, "subject": subject, "version": version})
        });
        let references: Vec<_> = references.collect();
        (200, json!({"schema": schema, "references": references}).to_string())
    });
    let found = settled(&registry(&[&url], None), SEVEN).await;
    assert!(matches!(found, Lookup::Known(_)), "{found:?}");
}

/// Each schema uses the next one, without end.
#[tokio::test]
async fn schemas_that_use_each_other_are_bounded() {
    let (url, _) = serve(|_, count| {
        let next = count + 1;
        let reference = format!(r#"{{"name":"x{next}","subject":"s","version":{next}}}"#);
        (200, format!(r#"{{"schema":"\"int\"","references":[{reference}]}}"#))
    });
    let registry = registry(&[&url], None);
    let Lookup::Unusable(why) = settled(&registry, SEVEN).await else { panic!("it is bounded") };
    assert!(why.starts_with("it uses more than 200 schemas"), "{why}");
}

/// A file imports another one, which its reference names.
#[tokio::test]
async fn schemas_of_protobuf_are_compiled_with_what_they_import() {
    let (url, asks) = serve(|path, _| {
        let reference = json!({"name": "item.proto", "subject": "item", "version": 3});
        let head = "syntax = \"proto3\"; package shop;";
        let answer = match path {
            "/schemas/ids/7" => {
                let text = format!("{head} import \"item.proto\"; message Order {{ Item i = 1; }}");
                json!({"schema": text, "schemaType": "PROTOBUF", "references": [reference]})
            }
            "/subjects/item/versions/3?deleted=true" => {
                let text = format!("{head} message Item {{ int64 id = 1; }}");
                json!({"schema": text, "schemaType": "PROTOBUF"})
            }
            "/schemas/ids/8" => json!({"schema": "{}", "schemaType": "JSON"}),
            other => panic!("{other} is not needed"),
        };
        (200, answer.to_string())
    });
    let registry = registry(&[&url], None);
    let found = settled(&registry, SEVEN).await;
    assert!(matches!(found, Lookup::Known(Schema::Protobuf(_))), "{found:?}");
    assert_eq!(asks.try_iter().count(), 2);
    let found = settled(&registry, SchemaId::Number(8)).await;
    assert!(matches!(found, Lookup::Known(Schema::Json)), "{found:?}");
}

mod viewer;
