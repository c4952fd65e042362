//! How values are written and where their schemas are, validated.

use std::path::PathBuf;
use std::sync::Arc;

use hyper::Uri;

use super::secret::Secret;
use super::settings::Settings;
use rollcall_core::codec::avro::Schema;
use rollcall_core::codec::input::{Format, Source};
use rollcall_core::codec::schemas::Schemas;
use rollcall_core::text::plain::sentence;

/// How to reach the schema registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// At least one, with the scheme `http` or `https`, a host, and no slash at the end.
    pub urls: Vec<Uri>,
    pub login: Option<RegistryLogin>,
    /// PEM file with the certificate authority to trust; `None` for the system's certificate
    /// authorities.
    pub ca_file: Option<PathBuf>,
}

/// How to log in to the schema registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryLogin {
    Password { username: Secret, password: Secret },
    Token(Secret),
}

/// How the values of an input are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputFormat {
    Json,
    JsonSchema,
    Avro(SchemaAt),
}

/// Where the schema of a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaAt {
    /// In the registry that the object names, under the id that the value names.
    Registry,
    /// In the object.
    Object(Arc<Schema>),
    File(PathBuf),
}

/// Why the values of an input cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("{place}.avro.schemaFile: cannot read {}: {reason}", file.display())]
    Unreadable { place: String, file: PathBuf, reason: String },
    #[error("{place}.avro.schemaFile: {} is no schema of Avro: {reason}", file.display())]
    NoSchema { place: String, file: PathBuf, reason: String },
    #[error(
        "{place}.format: the schemas of {topic} are in the schema registry, which is not asked \
         here: name one in avro.schema or avro.schemaFile"
    )]
    NoRegistry { place: String, topic: String },
}

impl Settings {
    /// Returns how the values of each input are read, in the order of [`Self::inputs`]; reads the
    /// files with schemas.
    ///
    /// # Errors
    /// When a file holds no schema, or schemas are in a registry and there is no port to one.
    pub fn formats(&self, schemas: Option<&Arc<dyn Schemas>>) -> Result<Vec<Format>, FormatError> {
        self.inputs().into_iter().map(|topic| self.format(topic, schemas)).collect()
    }

    /// Returns how the values of an input are read; reads the file with its schema.
    ///
    /// # Errors
    /// As [`Self::formats`].
    pub fn format(
        &self,
        topic: &str,
        schemas: Option<&Arc<dyn Schemas>>,
    ) -> Result<Format, FormatError> {
        let place = || self.entries(topic)[0].0.to_owned();
        let source = match self.input_format(topic) {
            InputFormat::Json => return Ok(Format::Json),
            InputFormat::JsonSchema => return Ok(Format::JsonSchema),
            InputFormat::Avro(SchemaAt::Object(schema)) => Source::Given(Arc::clone(schema)),
            InputFormat::Avro(SchemaAt::File(file)) => {
                let text = std::fs::read_to_string(file).map_err(|error| {
                    let (file, reason) = (file.clone(), sentence(&error));
                    FormatError::Unreadable { place: place(), file, reason }
                })?;
                let schema = Schema::parse(&text, &[]).map_err(|error| {
                    let (file, reason) = (file.clone(), error.to_string());
                    FormatError::NoSchema { place: place(), file, reason }
                })?;
                Source::Given(Arc::new(schema))
            }
            InputFormat::Avro(SchemaAt::Registry) => match schemas {
                Some(schemas) => Source::Named(Arc::clone(schemas)),
                None => {
                    let (place, topic) = (place(), topic.to_owned());
                    return Err(FormatError::NoRegistry { place, topic });
                }
            },
        };
        Ok(Format::Avro(source))
    }

    /// Returns how the values of an input topic are written: as its entries say, which agree.
    pub fn input_format(&self, topic: &str) -> &InputFormat {
        let observed = || self.observed.iter().find(|observed| observed.topic == topic);
        if self.expected.topic == topic {
            return &self.expected.format;
        }
        observed().map_or(&InputFormat::Json, |observed| &observed.format)
    }

    /// Returns whether schemas of records are in the registry.
    pub fn asks_registry(&self) -> bool {
        let asks =
            |topic: &str| matches!(self.input_format(topic), InputFormat::Avro(SchemaAt::Registry));
        self.inputs().into_iter().any(asks)
    }
}
