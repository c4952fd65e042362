//! How values are written and where their schemas are, validated.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Uri;

use super::secret::Secret;
use super::settings::Settings;
use rollcall_core::codec::input::{Format, Formats, Source};
use rollcall_core::codec::schemas::{Schema, Schemas};
use rollcall_core::codec::{avro, protobuf};
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
    Protobuf(MessageAt),
}

impl InputFormat {
    /// Returns its name, as in the object.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonSchema => "jsonSchema",
            Self::Avro(_) => "avro",
            Self::Protobuf(_) => "protobuf",
        }
    }
}

/// Where the schema of a value in Protobuf is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageAt {
    /// In the registry that the object names, under the id that the value names.
    Registry,
    /// The message of this name, in a file that `protoc` has compiled.
    File { file: PathBuf, message: String },
}

/// Where the schema of a value in Avro is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaAt {
    /// In the registry that the object names, under the id that the value names.
    Registry,
    /// In the object.
    Object(Arc<avro::Schema>),
    File(PathBuf),
}

/// Why the values of an input cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("{place}.schemaFile: cannot read {}: {reason}", file.display())]
    Unreadable { place: String, file: PathBuf, reason: String },
    #[error("{place}.schemaFile: {} is no schema of {of}: {reason}", file.display())]
    NoSchema { place: String, file: PathBuf, of: &'static str, reason: String },
    #[error(
        "{place}.message: {} has no message {message}: write its name with its package",
        file.display()
    )]
    NoMessage { place: String, file: PathBuf, message: String },
    #[error(
        "{place}: the schemas of {topic} are in the schema registry, which is not asked here: \
         {remedy}"
    )]
    NoRegistry { place: String, topic: String, remedy: &'static str },
}

impl Settings {
    /// Returns how the records of each input are read, in the order of [`Self::inputs`]; reads the
    /// files with schemas.
    ///
    /// # Errors
    /// When a file holds no schema, or schemas are in a registry and there is no port to one.
    pub fn formats(&self, schemas: Option<&Arc<dyn Schemas>>) -> Result<Vec<Formats>, FormatError> {
        self.inputs().into_iter().map(|topic| self.formats_of(topic, schemas)).collect()
    }

    /// Returns how the records of an input are read; reads the file with their schema.
    ///
    /// # Errors
    /// As [`Self::formats`].
    pub fn formats_of(
        &self,
        topic: &str,
        schemas: Option<&Arc<dyn Schemas>>,
    ) -> Result<Formats, FormatError> {
        let place = self.entries(topic)[0].0;
        let (value, key) = self.input_formats(topic);
        let reader = |field| Reader { place, field, topic, schemas };
        Ok(Formats {
            value: reader("format").format(value)?,
            key: reader("recordKey").format(key)?,
        })
    }

    /// Returns how the values of an input topic are written, and its record keys of which a part is
    /// the key: as its entries say, which agree.
    pub fn input_formats(&self, topic: &str) -> (&InputFormat, &InputFormat) {
        let expected = &self.expected;
        if expected.topic == topic {
            return (&expected.format, &expected.key_format);
        }
        let observed = self.observed.iter().find(|observed| observed.topic == topic);
        observed.map_or((&InputFormat::Json, &InputFormat::Json), |observed| {
            (&observed.format, &observed.key_format)
        })
    }

    /// Returns whether schemas of records are in the registry.
    pub fn asks_registry(&self) -> bool {
        let formats = self.inputs().into_iter().map(|topic| self.input_formats(topic));
        formats.into_iter().any(|(value, key)| value.asks_registry() || key.asks_registry())
    }
}

impl InputFormat {
    /// Returns whether schemas are in the registry.
    pub(crate) fn asks_registry(&self) -> bool {
        matches!(self, Self::Avro(SchemaAt::Registry) | Self::Protobuf(MessageAt::Registry))
    }
}

/// Finds the schemas of an input.
struct Reader<'a> {
    place: &'a str,
    /// The field that says the format.
    field: &'a str,
    topic: &'a str,
    schemas: Option<&'a Arc<dyn Schemas>>,
}

impl Reader<'_> {
    /// Returns how values or record keys are read.
    fn format(&self, format: &InputFormat) -> Result<Format, FormatError> {
        let Self { place, .. } = self;
        Ok(match format {
            InputFormat::Json => Format::Json,
            InputFormat::JsonSchema => Format::JsonSchema,
            InputFormat::Avro(SchemaAt::Object(schema)) => {
                Format::Avro(Source::Given(Schema::Avro(Arc::clone(schema))))
            }
            InputFormat::Avro(SchemaAt::File(file)) => {
                Format::Avro(Source::Given(avro_in(file, format!("{place}.avro"))?.into()))
            }
            InputFormat::Avro(SchemaAt::Registry) => {
                Format::Avro(self.named("name one in avro.schema or avro.schemaFile")?)
            }
            InputFormat::Protobuf(MessageAt::File { file, message }) => {
                let schema = message_in(file, message, format!("{place}.protobuf"))?;
                Format::Protobuf(Source::Given(schema.into()))
            }
            InputFormat::Protobuf(MessageAt::Registry) => {
                Format::Protobuf(self.named("name one in protobuf.schemaFile")?)
            }
        })
    }

    fn named(&self, remedy: &'static str) -> Result<Source, FormatError> {
        let Self { place, field, topic, schemas } = self;
        match schemas {
            Some(schemas) => Ok(Source::Named(Arc::clone(schemas))),
            None => {
                let (place, topic) = (format!("{place}.{field}"), (*topic).to_owned());
                let remedy = match *field {
                    "recordKey" => "use rollcall validate --against-broker, which asks it",
                    _ => remedy,
                };
                Err(FormatError::NoRegistry { place, topic, remedy })
            }
        }
    }
}

fn avro_in(file: &Path, place: String) -> Result<avro::Schema, FormatError> {
    let read = std::fs::read_to_string(file);
    let text = read.map_err(|error| unreadable(file, place.clone(), &error))?;
    avro::Schema::parse(&text, &[]).map_err(|error| {
        let (file, of, reason) = (file.to_owned(), "Avro", error.to_string());
        FormatError::NoSchema { place, file, of, reason }
    })
}

fn message_in(file: &Path, message: &str, place: String) -> Result<protobuf::Schema, FormatError> {
    let read = std::fs::read(file);
    let set = read.map_err(|error| unreadable(file, place.clone(), &error))?;
    match protobuf::Schema::of_set(&set, message) {
        Ok(Some(schema)) => Ok(schema),
        Ok(None) => {
            let (file, message) = (file.to_owned(), message.to_owned());
            Err(FormatError::NoMessage { place, file, message })
        }
        Err(error) => {
            let (file, of) = (file.to_owned(), "Protobuf");
            let reason = format!(
                "{error}; compile it with protoc --include_imports --descriptor_set_out=FILE"
            );
            Err(FormatError::NoSchema { place, file, of, reason })
        }
    }
}

fn unreadable(file: &Path, place: String, error: &std::io::Error) -> FormatError {
    FormatError::Unreadable { place, file: file.to_owned(), reason: sentence(error) }
}
