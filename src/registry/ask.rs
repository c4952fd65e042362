//! Asks a registry for a schema and for those that it uses.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_body_util::Full;
use hyper::{Request, Uri, body::Bytes, header};

use super::{
    Figures,
    answer::{self, Reference, Registered, Type},
    protobuf,
};
use rollcall_core::{
    codec::{
        avro, base64,
        schemas::{Schema, SchemaId},
    },
    text::{escape::url, plain::sentence},
};
use rollcall_object::{Registry, RegistryLogin};
use rollcall_service::http::client::{Answer, Client, Trusted};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Size of an answer, whose schema is quoted.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// How deep schemas may use each other, and how many.
const REFERENCES_DEEP_MAX: usize = 16;
const REFERENCES_MAX: usize = 200;
const PATH: &str = "spec.registry";

/// Asks a registry.
pub struct Asker {
    settings: Registry,
    /// The URL that was the last to answer.
    first: AtomicUsize,
}

/// What a registry has under an id.
#[derive(Debug)]
pub enum Found {
    Schema(Schema),
    /// A schema that cannot be used, for this reason.
    Unusable(Arc<str>),
    Nothing,
}

/// Why there is no schema.
enum Failure {
    Unanswered(Arc<str>),
    Unusable(Arc<str>),
}

/// The schemas that a schema uses, each after those that it uses itself.
#[derive(Default)]
struct Used {
    of: Type,
    /// Their names: of several versions of a schema, the one that is found first counts, as for the
    /// serializers of Confluent. Avro allows no type twice.
    seen: HashSet<String>,
    texts: Vec<String>,
}

impl Asker {
    pub fn new(settings: Registry) -> Self {
        Self { settings, first: AtomicUsize::new(0) }
    }

    /// Returns the reason if there is no answer yet.
    pub fn is_slow(&self) -> Arc<str> {
        format!("the schema registry at {} has not answered yet", self.settings.urls[0]).into()
    }

    /// Asks for a schema. Credentials are read each time, so that they can be rotated.
    ///
    /// # Errors
    /// Why there is no answer, and what to do.
    pub async fn ask(&self, id: SchemaId, figures: &Figures) -> Result<Found, Arc<str>> {
        let session = Session::new(self).map_err(Arc::from)?;
        match session.schema(id, figures).await {
            Ok(found) => Ok(found),
            Err(Failure::Unusable(why)) => Ok(Found::Unusable(why)),
            Err(Failure::Unanswered(why)) => Err(why),
        }
    }
}

/// The requests for one schema.
struct Session<'a> {
    asker: &'a Asker,
    client: Client,
    authorization: Option<String>,
}

impl<'a> Session<'a> {
    fn new(asker: &'a Asker) -> Result<Self, String> {
        let Registry { urls, login, ca_file } = &asker.settings;
        let read = |secret: &rollcall_object::secret::Secret| {
            secret.read(PATH).map_err(|error| error.to_string())
        };
        let authorization = match login {
            None => None,
            Some(RegistryLogin::Token(token)) => Some(format!("Bearer {}", read(token)?)),
            Some(RegistryLogin::Password { username, password }) => {
                let pair = format!("{}:{}", read(username)?, read(password)?);
                Some(format!("Basic {}", base64::encode(pair.as_bytes())))
            }
        };
        let trusted = match ca_file {
            None => Trusted::System,
            Some(file) => Trusted::Pem(std::fs::read_to_string(file).map_err(|error| {
                format!("{PATH}: cannot read {}: {}", file.display(), sentence(&error))
            })?),
        };
        let is_plain = urls.iter().all(|url| url.scheme_str() == Some("http"));
        let client = if is_plain {
            Client::plain(REQUEST_TIMEOUT, ANSWER_BYTES_MAX)
        } else {
            Client::new(trusted, REQUEST_TIMEOUT, ANSWER_BYTES_MAX)
                .map_err(|failure| format!("{failure}: check caSecretRef or caFile of {PATH}"))?
        };
        Ok(Self { asker, client, authorization })
    }

    async fn schema(&self, id: SchemaId, figures: &Figures) -> Result<Found, Failure> {
        let path = match id {
            SchemaId::Number(number) => format!("/schemas/ids/{number}"),
            SchemaId::Guid(_) => format!("/schemas/guids/{id}"),
        };
        let Some(registered) = self.get(&path, figures).await? else { return Ok(Found::Nothing) };
        let of = registered.of().map_err(Failure::Unusable)?;
        if of == Type::Json {
            return Ok(Found::Schema(Schema::Json));
        }
        let mut used = Used { of, ..Used::default() };
        self.resolve(registered.references, 0, &mut used, figures).await?;
        let compiled = compile(of, &registered.schema, &used.texts);
        compiled.map(Found::Schema).map_err(|why| Failure::Unusable(why.into()))
    }

    /// Collects the schemas that are used, and those that these use.
    async fn resolve(
        &self,
        references: Vec<Reference>,
        depth: usize,
        used: &mut Used,
        figures: &Figures,
    ) -> Result<(), Failure> {
        for reference in references {
            let Reference { name, subject, version } = reference;
            if used.seen.contains(&name) {
                continue;
            }
            if depth == REFERENCES_DEEP_MAX || used.seen.len() == REFERENCES_MAX {
                let why = format!(
                    "it uses more than {REFERENCES_MAX} schemas, or more than \
                     {REFERENCES_DEEP_MAX} use each other"
                );
                return Err(Failure::Unusable(why.into()));
            }
            used.seen.insert(name);
            // What was retired is still needed to read what was written by it.
            let path = format!("/subjects/{}/versions/{version}?deleted=true", url(&subject));
            let Some(registered) = self.get(&path, figures).await? else {
                let why = format!("it uses version {version} of \"{subject}\", which is not there");
                return Err(Failure::Unusable(why.into()));
            };
            let of = registered.of().map_err(Failure::Unusable)?;
            if of != used.of {
                let why = format!("it uses \"{subject}\", which is a schema of another type");
                return Err(Failure::Unusable(why.into()));
            }
            Box::pin(self.resolve(registered.references, depth + 1, used, figures)).await?;
            used.texts.push(registered.schema);
        }
        Ok(())
    }

    /// Asks the URLs in turn, beginning with the one that was the last to answer.
    async fn get(&self, path: &str, figures: &Figures) -> Result<Option<Registered>, Failure> {
        let urls = &self.asker.settings.urls;
        let first = self.asker.first.load(Ordering::Relaxed);
        let mut failures = Vec::new();
        for at in (0..urls.len()).map(|turn| (first + turn) % urls.len()) {
            match self.get_from(&urls[at], path).await {
                Ok(found) => {
                    let count = if found.is_some() { &figures.found } else { &figures.unknown };
                    count.fetch_add(1, Ordering::Relaxed);
                    self.asker.first.store(at, Ordering::Relaxed);
                    return Ok(found);
                }
                Err(why) => {
                    figures.failed.fetch_add(1, Ordering::Relaxed);
                    failures.push(format!("{}: {why}", urls[at]));
                }
            }
        }
        let why = format!(
            "no schema from the registry: {}; see spec.registry, the server and the network",
            failures.join("; ")
        );
        Err(Failure::Unanswered(why.into()))
    }

    async fn get_from(&self, base: &Uri, path: &str) -> Result<Option<Registered>, String> {
        let base = base.to_string();
        let mut request = Request::get(format!("{}{path}", base.trim_end_matches('/')))
            .header(header::ACCEPT, "application/vnd.schemaregistry.v1+json, application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::<Bytes>::default());
        let request =
            request.map_err(|_| format!("{PATH}: the login holds a control character"))?;
        let Answer { status, body } =
            self.client.send(request).await.map_err(|failure| failure.to_string())?;
        answer::read(status, &body)
    }
}

fn compile(of: Type, schema: &str, used: &[String]) -> Result<Schema, String> {
    match of {
        Type::Json => Ok(Schema::Json),
        Type::Avro => {
            let used: Vec<&str> = used.iter().map(String::as_str).collect();
            let parsed = avro::Schema::parse(schema, &used);
            parsed.map(Into::into).map_err(|error| format!("it is no schema of Avro: {error}"))
        }
        Type::Protobuf => protobuf::compile(schema, used)
            .map(Into::into)
            .map_err(|why| format!("it is no schema of Protobuf: {why}")),
    }
}
