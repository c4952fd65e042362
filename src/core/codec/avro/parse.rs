//! Reads schemas from their JSON.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::schema::{Field, Schema, Type, TypeId, Unit};

/// Size of a schema with its references above which it is refused.
const SCHEMA_BYTES_MAX: usize = 4 << 20;
/// Number of types in a schema with its references above which it is refused.
const TYPES_MAX: usize = 100_000;
/// Most bytes of a name with its namespace.
const NAME_BYTES_MAX: usize = 4_096;
/// Most bytes of a fixed value.
const FIXED_BYTES_MAX: u64 = 1 << 30;
/// Most digits of a decimal; more than fit into an item in any case.
const DIGITS_MAX: u64 = 1_000;

/// Why a text is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error("it is not JSON: line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("a type is a name, an object or a list, not {0}")]
    NoType(&'static str),
    #[error("the type {0:?} is not defined before it is used; add the schema that defines it")]
    UnknownType(String),
    #[error("the name {0:?} is defined twice")]
    DefinedTwice(String),
    #[error("{} needs {what}", with_article(of))]
    Lacks { of: &'static str, what: &'static str },
    #[error("a union is directly inside another one")]
    NestedUnion,
    #[error(
        "with its references it has more than {SCHEMA_BYTES_MAX} bytes or {TYPES_MAX} types, or a \
         name of more than {NAME_BYTES_MAX} bytes"
    )]
    TooLarge,
}

use SchemaError::Lacks;

impl Schema {
    /// Reads a schema; `references` are the schemas whose names it uses, each after those that it
    /// uses itself.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn parse(text: &str, references: &[&str]) -> Result<Self, SchemaError> {
        let bytes = references.iter().map(|text| text.len()).sum::<usize>() + text.len();
        if bytes > SCHEMA_BYTES_MAX {
            return Err(SchemaError::TooLarge);
        }
        let mut parser = Parser { types: Vec::new(), names: HashMap::new() };
        for reference in references {
            parser.whole(reference)?;
        }
        let root = parser.whole(text)?;
        Ok(Self { types: parser.types, root })
    }
}

struct Parser {
    types: Vec<Type>,
    /// The named types by their full names.
    names: HashMap<String, TypeId>,
}

impl Parser {
    fn whole(&mut self, text: &str) -> Result<TypeId, SchemaError> {
        let json: Value = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(error) => {
                // Confluent's registry stores a primitive type as its bare name.
                match primitive(text.trim()) {
                    Some(of) => return self.add(of),
                    None => {
                        let (line, column) = (error.line().max(1), error.column().max(1));
                        return Err(SchemaError::NotJson { line, column });
                    }
                }
            }
        };
        self.schema(&json, "")
    }

    fn add(&mut self, of: Type) -> Result<TypeId, SchemaError> {
        if self.types.len() == TYPES_MAX {
            return Err(SchemaError::TooLarge);
        }
        self.types.push(of);
        Ok(self.types.len() - 1)
    }

    /// Reads a schema inside of `namespace`. The JSON reader bounds the depth.
    fn schema(&mut self, json: &Value, namespace: &str) -> Result<TypeId, SchemaError> {
        match json {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(object) => self.object(object, namespace),
            Value::Null => Err(SchemaError::NoType("null")),
            Value::Bool(_) => Err(SchemaError::NoType("a boolean")),
            Value::Number(_) => Err(SchemaError::NoType("a number")),
        }
    }

    fn named(&mut self, name: &str, namespace: &str) -> Result<TypeId, SchemaError> {
        if let Some(of) = primitive(name) {
            return self.add(of);
        }
        let full = full_name(name, namespace);
        // Some writers leave the namespace out where they mean the default one.
        let known = self.names.get(&full).or_else(|| self.names.get(name));
        known.copied().ok_or(SchemaError::UnknownType(full))
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<TypeId, SchemaError> {
        let mut ids = Vec::with_capacity(branches.len());
        for branch in branches {
            if branch.is_array() {
                return Err(SchemaError::NestedUnion);
            }
            ids.push(self.schema(branch, namespace)?);
        }
        if ids.is_empty() {
            return Err(Lacks { of: "union", what: "a type" });
        }
        self.add(Type::Union(ids.into()))
    }

    fn object(
        &mut self,
        object: &Map<String, Value>,
        namespace: &str,
    ) -> Result<TypeId, SchemaError> {
        let of = match object.get("type") {
            Some(Value::String(of)) => of.as_str(),
            Some(inner) => return self.schema(inner, namespace),
            None => return Err(Lacks { of: "type", what: "\"type\"" }),
        };
        match of {
            "record" | "error" => self.record(object, namespace),
            "enum" => {
                let id = self.define("enum", object, namespace)?.0;
                let symbols = object.get("symbols").and_then(Value::as_array);
                let symbols = symbols.ok_or(Lacks { of: "enum", what: "\"symbols\"" })?;
                let text = |symbol: &Value| symbol.as_str().map(Box::from);
                let symbols: Option<Box<[_]>> = symbols.iter().map(text).collect();
                let symbols = symbols.ok_or(Lacks { of: "enum", what: "symbols that are text" })?;
                self.types[id] = Type::Enum(symbols);
                Ok(id)
            }
            "fixed" => {
                let id = self.define("fixed", object, namespace)?.0;
                let size = object.get("size").and_then(Value::as_u64);
                let size = size
                    .filter(|size| *size <= FIXED_BYTES_MAX)
                    .and_then(|size| usize::try_from(size).ok())
                    .ok_or(Lacks { of: "fixed", what: "a \"size\" in bytes" })?;
                self.types[id] = logical(object, Type::Fixed(size));
                Ok(id)
            }
            "array" => {
                let items = object.get("items");
                let items = items.ok_or(Lacks { of: "array", what: "\"items\"" })?;
                let items = self.schema(items, namespace)?;
                self.add(Type::Array(items))
            }
            "map" => {
                let values = object.get("values");
                let values = values.ok_or(Lacks { of: "map", what: "\"values\"" })?;
                let values = self.schema(values, namespace)?;
                self.add(Type::Map(values))
            }
            name => match primitive(name) {
                Some(of) => self.add(logical(object, of)),
                None => self.named(name, namespace),
            },
        }
    }

    fn record(
        &mut self,
        object: &Map<String, Value>,
        namespace: &str,
    ) -> Result<TypeId, SchemaError> {
        let (id, namespace) = self.define("record", object, namespace)?;
        let fields = object.get("fields").and_then(Value::as_array);
        let fields = fields.ok_or(Lacks { of: "record", what: "\"fields\"" })?;
        let mut read = Vec::with_capacity(fields.len());
        for field in fields {
            let name = field.get("name").and_then(Value::as_str);
            let name = name.ok_or(Lacks { of: "field", what: "a \"name\"" })?;
            let of = field.get("type").ok_or(Lacks { of: "field", what: "a \"type\"" })?;
            read.push(Field { name: name.into(), of: self.schema(of, &namespace)? });
        }
        self.types[id] = Type::Record(read.into());
        Ok(id)
    }

    /// Adds a named type, which may be used in its own definition, and returns its namespace.
    fn define(
        &mut self,
        of: &'static str,
        object: &Map<String, Value>,
        namespace: &str,
    ) -> Result<(TypeId, String), SchemaError> {
        let name = object.get("name").and_then(Value::as_str);
        let name = name.ok_or(Lacks { of, what: "a \"name\"" })?;
        let own = object.get("namespace").and_then(Value::as_str);
        let namespace = own.unwrap_or(namespace);
        // Each type inside has a full name of its own, so long ones would add up.
        if name.len() + namespace.len() > NAME_BYTES_MAX {
            return Err(SchemaError::TooLarge);
        }
        let full = full_name(name, namespace);
        let id = self.add(Type::Null)?;
        if self.names.contains_key(&full) {
            return Err(SchemaError::DefinedTwice(full));
        }
        let namespace = full.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_owned();
        self.names.insert(full, id);
        Ok((id, namespace))
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        return name.to_owned();
    }
    format!("{namespace}.{name}")
}

fn primitive(name: &str) -> Option<Type> {
    Some(match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" => Type::Int,
        "long" => Type::Long,
        "float" => Type::Float,
        "double" => Type::Double,
        "bytes" => Type::Bytes,
        "string" => Type::Text,
        _ => return None,
    })
}

/// Returns the logical type of `of`. One that is unknown or does not fit is ignored, as the
/// specification asks.
fn logical(object: &Map<String, Value>, of: Type) -> Type {
    let logical = object.get("logicalType").and_then(Value::as_str);
    match (logical.unwrap_or_default(), &of) {
        ("decimal", Type::Bytes) => decimal(object, None).unwrap_or(of),
        ("decimal", Type::Fixed(size)) => decimal(object, Some(*size)).unwrap_or(of),
        ("date", Type::Int) => Type::Date,
        ("time-millis", Type::Int) => Type::Time(Unit::Millis),
        ("time-micros", Type::Long) => Type::Time(Unit::Micros),
        ("timestamp-millis", Type::Long) => Type::Instant(Unit::Millis),
        ("timestamp-micros", Type::Long) => Type::Instant(Unit::Micros),
        ("timestamp-nanos", Type::Long) => Type::Instant(Unit::Nanos),
        ("local-timestamp-millis", Type::Long) => Type::Local(Unit::Millis),
        ("local-timestamp-micros", Type::Long) => Type::Local(Unit::Micros),
        ("local-timestamp-nanos", Type::Long) => Type::Local(Unit::Nanos),
        ("uuid", Type::Fixed(16)) => Type::Uuid,
        _ => of,
    }
}

fn decimal(object: &Map<String, Value>, size: Option<usize>) -> Option<Type> {
    let precision = object.get("precision")?.as_u64()?;
    let scale = object.get("scale").map_or(Some(0), Value::as_u64)?;
    let is_valid = (1..=DIGITS_MAX).contains(&precision) && scale <= precision;
    is_valid.then_some(Type::Decimal { scale: usize::try_from(scale).ok()?, size })
}

fn with_article(of: &str) -> String {
    let article = if of.starts_with(['a', 'e']) { "an" } else { "a" };
    format!("{article} {of}")
}
