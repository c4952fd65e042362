//! Compiles descriptors to a schema.

use std::collections::{HashMap, HashSet};

use super::descriptor::{self, EnumOf, FieldOf, File, MessageOf};
use super::known;
use super::schema::{Absent, Enum, EnumId, Field, Holds, Kind, Message, MessageId, Schema};
use super::wire::Wire;
use crate::codec::base64;
use crate::codec::unfit::Unfit;

/// Size of all descriptors of a schema above which it is refused.
const SCHEMA_BYTES_MAX: usize = 4 << 20;
/// Number of messages, enums, fields and names in a schema above which it is refused.
const PARTS_MAX: usize = 100_000;
/// Most bytes of a name with its package and the messages that it is inside of.
const NAME_BYTES_MAX: usize = 1_024;

/// Why descriptors are no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error("it is no compiled description of .proto files: {0}")]
    NoDescriptor(Unfit),
    #[error("{of} has the type {name:?}, which neither it nor what it imports defines")]
    UnknownType { of: String, name: String },
    #[error("{0} has a type, a number or a default value that no field can have")]
    BadField(String),
    #[error(
        "with what it imports it has more than {SCHEMA_BYTES_MAX} bytes or {PARTS_MAX} names, or a \
         name of more than {NAME_BYTES_MAX} bytes"
    )]
    TooLarge,
}

#[derive(Debug, Clone, Copy)]
enum Named {
    Message(MessageId),
    Enum(EnumId),
}

/// Whether a field without a value of its own may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Explicit,
    Implicit,
}

#[derive(Default)]
struct Compiler {
    messages: Vec<Message>,
    /// Which of them are entries of maps.
    entries: HashSet<MessageId>,
    enums: Vec<Enum>,
    /// By their full names.
    named: HashMap<String, Named>,
    parts: usize,
}

impl Schema {
    /// Compiles a file; `imports` are those that it uses, directly or not. If they define a name
    /// twice, the first one counts.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn compile(file: &[u8], imports: &[&[u8]]) -> Result<Self, SchemaError> {
        let bytes = imports.iter().map(|file| file.len()).sum::<usize>() + file.len();
        if bytes > SCHEMA_BYTES_MAX {
            return Err(SchemaError::TooLarge);
        }
        let all = std::iter::once(&file).chain(imports);
        let files = all.map(|file| descriptor::file(file)).collect::<Result<Vec<_>, _>>();
        let files = files.map_err(SchemaError::NoDescriptor)?;
        let mut compiler = Compiler::default();
        let mut defined = Vec::new();
        for file in &files {
            let ids = file.messages.iter().map(|it| compiler.define(file.package, it));
            defined.push(ids.collect::<Result<Vec<_>, _>>()?);
            for of in &file.enums {
                compiler.define_enum(file.package, of)?;
            }
        }
        for (file, ids) in files.iter().zip(&defined) {
            for (message, id) in file.messages.iter().zip(ids) {
                compiler.fill(file, message, *id)?;
            }
        }
        let mut schema = Self {
            messages: compiler.messages,
            enums: compiler.enums,
            roots: defined.swap_remove(0).into(),
        };
        known::mark(&mut schema);
        Ok(schema)
    }

    /// Reads the message `name`, with its package, of a file that `protoc` writes with
    /// `--descriptor_set_out` and `--include_imports`; `None` if it has no such message.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn of_set(set: &[u8], name: &str) -> Result<Option<Self>, SchemaError> {
        let files = descriptor::set(set).map_err(SchemaError::NoDescriptor)?;
        let schema = Self::compile(&[], &files)?;
        Ok(schema.only(name))
    }
}

impl Compiler {
    fn count(&mut self, more: usize) -> Result<(), SchemaError> {
        self.parts = self.parts.saturating_add(more);
        if self.parts > PARTS_MAX { Err(SchemaError::TooLarge) } else { Ok(()) }
    }

    fn name(&mut self, scope: &str, name: &str, of: Named) -> Result<String, SchemaError> {
        self.count(1)?;
        let full = if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") };
        if full.len() > NAME_BYTES_MAX {
            return Err(SchemaError::TooLarge);
        }
        self.named.entry(full.clone()).or_insert(of);
        Ok(full)
    }

    /// Names a message and what is inside of it.
    fn define(&mut self, scope: &str, of: &MessageOf<'_>) -> Result<MessageId, SchemaError> {
        let id = self.messages.len();
        let name = self.name(scope, of.name, Named::Message(id))?;
        self.messages.push(Message { name: name.as_str().into(), ..Message::default() });
        if of.is_entry {
            self.entries.insert(id);
        }
        let mut inside = Vec::new();
        for message in &of.messages {
            inside.push(self.define(&name, message)?);
        }
        for of in &of.enums {
            self.define_enum(&name, of)?;
        }
        self.messages[id].inside = inside.into();
        Ok(id)
    }

    fn define_enum(&mut self, scope: &str, of: &EnumOf<'_>) -> Result<(), SchemaError> {
        let name = self.name(scope, of.name, Named::Enum(self.enums.len()))?;
        self.count(of.values.len())?;
        let values = of.values.iter().map(|(number, name)| (*number, Box::from(*name)));
        let mut by_number: Vec<usize> = (0..of.values.len()).collect();
        by_number.sort_by_key(|at| of.values[*at].0);
        let is_null = name == "google.protobuf.NullValue";
        self.enums.push(Enum { values: values.collect(), by_number: by_number.into(), is_null });
        Ok(())
    }

    /// Compiles the fields of a message and of those inside of it.
    fn fill(
        &mut self,
        file: &File<'_>,
        of: &MessageOf<'_>,
        id: MessageId,
    ) -> Result<(), SchemaError> {
        self.count(of.fields.len())?;
        let scope = self.messages[id].name.clone();
        let json: Vec<String> = of.fields.iter().map(json_name).collect();
        let in_json: HashSet<&str> = json.iter().map(String::as_str).collect();
        let mut fields = Vec::new();
        for (field, json) in of.fields.iter().zip(&json) {
            let place = || format!("the field {:?} of {scope}", field.name);
            let Some(kind) = self.kind(&scope, field)? else { continue };
            let number = u32::try_from(field.number).ok().filter(|it| *it > 0);
            let number = number.ok_or_else(|| SchemaError::BadField(place()))?;
            let oneof = field.oneof.and_then(|at| usize::try_from(at).ok());
            let holds = match kind {
                Kind::Message(id) if field.is_repeated && self.entries.contains(&id) => Holds::Map,
                _ if field.is_repeated => Holds::Many,
                _ => {
                    let absent = self.absent(presence(file, of, field), field, kind);
                    Holds::One(absent.ok_or_else(|| SchemaError::BadField(place()))?)
                }
            };
            let own = Some(field.name).filter(|name| !in_json.contains(name)).map(Box::from);
            let oneof = oneof.filter(|at| *at < of.oneofs);
            fields.push(Field { number, json: json.as_str().into(), own, kind, holds, oneof });
        }
        fields.sort_by_key(|field| field.number);
        fields.dedup_by_key(|field| field.number);
        self.messages[id].fields = fields.into();
        self.messages[id].oneofs = of.oneofs;
        let inside = self.messages[id].inside.clone();
        for (message, id) in of.messages.iter().zip(&inside) {
            self.fill(file, message, *id)?;
        }
        Ok(())
    }

    /// Returns the type of a field; `None` for a group.
    fn kind(&self, scope: &str, field: &FieldOf<'_>) -> Result<Option<Kind>, SchemaError> {
        let place = || format!("the field {:?} of {scope}", field.name);
        Ok(Some(match (field.of, field.type_name) {
            (10, _) => return Ok(None),
            (0 | 11 | 14, Some(name)) => match self.resolve(scope, name) {
                Some(Named::Message(id)) => Kind::Message(id),
                Some(Named::Enum(id)) => Kind::Enum(id),
                None => {
                    return Err(SchemaError::UnknownType { of: place(), name: name.to_owned() });
                }
            },
            (of, _) => scalar(of).ok_or_else(|| SchemaError::BadField(place()))?,
        }))
    }

    /// Finds a name: with a dot before it, from the outside; otherwise from the innermost scope on.
    fn resolve(&self, scope: &str, name: &str) -> Option<Named> {
        if let Some(full) = name.strip_prefix('.') {
            return self.named.get(full).copied();
        }
        let mut scope = scope;
        loop {
            if let Some(found) = self.named.get(&format!("{scope}.{name}")) {
                return Some(*found);
            }
            match scope.rsplit_once('.') {
                Some((outer, _)) => scope = outer,
                None => return self.named.get(name).copied(),
            }
        }
    }

    /// Returns what a field is that holds one value and is not there; `None` if its default value
    /// is none of its type.
    fn absent(&self, presence: Presence, field: &FieldOf<'_>, kind: Kind) -> Option<Absent> {
        if matches!(kind, Kind::Message(_)) || field.oneof.is_some() {
            return Some(Absent::Missing);
        }
        let Some(text) = field.default else {
            return Some(match (presence, kind) {
                (Presence::Explicit, _) => Absent::Missing,
                (Presence::Implicit, Kind::Text | Kind::Bytes) => Absent::Text("".into()),
                (Presence::Implicit, kind) => Absent::Number(self.zero(kind)),
            });
        };
        if let Kind::Enum(id) = kind {
            let value = self.enums[id].values.iter().find(|(_, name)| **name == *text)?;
            return Some(Absent::Number(Wire::Varint(i64::from(value.0).cast_unsigned())));
        }
        default(kind, text)
    }

    /// Returns how the first value of a type is written.
    fn zero(&self, kind: Kind) -> Wire {
        match kind {
            Kind::Enum(id) => {
                let first = self.enums[id].values.first().map_or(0, |(number, _)| *number);
                Wire::Varint(i64::from(first).cast_unsigned())
            }
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Wire::Fixed64(0),
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => Wire::Fixed32(0),
            _ => Wire::Varint(0),
        }
    }
}

fn presence(file: &File<'_>, of: &MessageOf<'_>, field: &FieldOf<'_>) -> Presence {
    match (file.syntax, field.presence.or(file.presence)) {
        _ if of.is_entry => Presence::Implicit,
        ("proto3", _) if !field.is_optional => Presence::Implicit,
        ("editions", Some(2)) => Presence::Implicit,
        _ => Presence::Explicit,
    }
}

fn scalar(of: u64) -> Option<Kind> {
    Some(match of {
        1 => Kind::Double,
        2 => Kind::Float,
        3 => Kind::Int64,
        4 => Kind::Uint64,
        5 => Kind::Int32,
        6 => Kind::Fixed64,
        7 => Kind::Fixed32,
        8 => Kind::Bool,
        9 => Kind::Text,
        12 => Kind::Bytes,
        13 => Kind::Uint32,
        15 => Kind::Sfixed32,
        16 => Kind::Sfixed64,
        17 => Kind::Sint32,
        18 => Kind::Sint64,
        _ => return None,
    })
}

/// Reads a default value as `protoc` writes it.
fn default(kind: Kind, text: &str) -> Option<Absent> {
    let zigzag = |number: i64| ((number << 1) ^ (number >> 63)).cast_unsigned();
    let signed = || text.parse::<i64>().ok();
    Some(Absent::Number(match kind {
        Kind::Text => return Some(Absent::Text(text.into())),
        Kind::Bytes => return Some(Absent::Text(base64::encode(&unescaped(text)?).into())),
        Kind::Bool => Wire::Varint(text.parse::<bool>().ok()?.into()),
        Kind::Double => Wire::Fixed64(text.parse::<f64>().ok()?.to_bits()),
        Kind::Float => Wire::Fixed32(text.parse::<f32>().ok()?.to_bits()),
        Kind::Int32 | Kind::Int64 => Wire::Varint(signed()?.cast_unsigned()),
        Kind::Uint32 | Kind::Uint64 => Wire::Varint(text.parse().ok()?),
        Kind::Sint32 | Kind::Sint64 => Wire::Varint(zigzag(signed()?)),
        Kind::Fixed32 => Wire::Fixed32(text.parse().ok()?),
        Kind::Fixed64 => Wire::Fixed64(text.parse().ok()?),
        Kind::Sfixed32 => Wire::Fixed32(text.parse::<i32>().ok()?.cast_unsigned()),
        Kind::Sfixed64 => Wire::Fixed64(signed()?.cast_unsigned()),
        Kind::Message(_) | Kind::Enum(_) => return None,
    }))
}

/// Reads bytes in which others than printable ones are written as in C.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let octal = rest.iter().take(3).take_while(|it| matches!(it, b'0'..=b'7')).count();
        let (digits, radix, length) = match *rest.first()? {
            b'x' | b'X' => (1..3, 16, 3),
            b'0'..=b'7' => (0..octal, 8, octal),
            b'n' => (0..0, b'\n'.into(), 1),
            b'r' => (0..0, b'\r'.into(), 1),
            b't' => (0..0, b'\t'.into(), 1),
            other => (0..0, other.into(), 1),
        };
        bytes.push(match digits.is_empty() {
            true => u8::try_from(radix).ok()?,
            false => {
                let digits = std::str::from_utf8(rest.get(digits)?).ok()?;
                u8::from_str_radix(digits, radix).ok()?
            }
        });
        rest = rest.get(length..)?;
    }
    Some(bytes)
}

/// Returns the name of a field in JSON, which `protoc` makes of its own if it has no other.
fn json_name(field: &FieldOf<'_>) -> String {
    if let Some(json) = field.json {
        return json.to_owned();
    }
    let (mut name, mut is_upper) = (String::new(), false);
    for c in field.name.chars() {
        match c {
            '_' => is_upper = true,
            c if is_upper => {
                name.push(c.to_ascii_uppercase());
                is_upper = false;
            }
            c => name.push(c),
        }
    }
    name
}
