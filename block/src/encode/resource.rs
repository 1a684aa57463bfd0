//! Resources and scopes, read once per row group and stored again as codes.
//!
//! A row per trace repeats the resource for every trace. So each distinct body is parsed once;
//! what comes out is ready to be pushed into the columns.

use bytes::Bytes;
use hashbrown::HashMap;
use stringendo_proto::walk::Slice32;
use stringendo_proto::wire::{Fields, Value, put_varint};

use super::EncodeError;
use super::any::{self, Any};
use super::attributes::Attributes;
use super::columns::Columns;
use super::dictionary::Dictionary;
use super::prepared::{Prepared, PreparedList};

/// Beyond this the parsed ones are forgotten: they only save work.
const CACHE_BYTES_MAX: usize = 16 << 20;

/// A resource, ready to be stored.
pub struct Resource {
    /// The same number for resources of the same attributes (dropped counts aside).
    pub identity: u32,
    /// Code of its service name.
    pub service: u32,
    /// What a root span gives its trace as service name.
    pub root_service: Box<[u8]>,
    /// Sorted by key.
    pub attributes: PreparedList,
    /// DroppedAttributesCount.
    pub dropped: i32,
}

/// A scope, ready to be stored.
pub struct Scope {
    /// The same number for scopes of the same name, version and attributes.
    pub identity: u32,
    /// The same number for scopes of the same name and version.
    pub naming: u32,
    /// Code.
    pub name: u32,
    /// Code.
    pub version: u32,
    /// In the order they were sent.
    pub attributes: PreparedList,
    /// Sorted by key.
    pub sorted: PreparedList,
    /// DroppedAttributesCount.
    pub dropped: i32,
}

/// Items by the bytes they were parsed from.
pub struct Interned<T> {
    bodies: Dictionary,
    items: Vec<T>,
    identities: Dictionary,
    /// Numbers by where bodies lie in the chunks held: neither is hashed nor compared again.
    places: HashMap<(usize, u32), u32, foldhash::fast::RandomState>,
    /// Chunks that bodies were read from, by number. Held, their memory is used for nothing else.
    held: Vec<Bytes>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self {
            bodies: <_>::default(),
            items: Vec::new(),
            identities: <_>::default(),
            places: <_>::default(),
            held: Vec::new(),
        }
    }
}

impl<T> Interned<T> {
    /// The item of a number.
    pub fn get(&self, number: u32) -> &T {
        &self.items[number as usize]
    }

    /// The item of a number, to be stored.
    pub fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.items[number as usize]
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bodies.clear();
        self.items.clear();
        self.identities.clear();
        self.places.clear();
        self.held.clear();
    }

    /// Forgets everything if it has grown too large. Numbers given before are void then.
    pub fn limit(&mut self) {
        if self.memory_bytes() > CACHE_BYTES_MAX {
            self.clear();
        }
    }

    /// Keeps the chunk of this number. If there was another, what lay in it is void.
    fn hold(&mut self, number: usize, chunk: &Bytes) {
        let known = self.held.get(number);
        if known.is_some_and(|known| known.as_ptr_range() == chunk.as_ptr_range()) {
            return;
        }
        if known.is_some_and(|known| !known.is_empty()) {
            self.places.clear();
        }
        if self.held.len() <= number {
            self.held.resize(number + 1, Bytes::new());
        }
        self.held[number] = chunk.clone();
    }

    /// Bytes of memory held, chunks aside. Prepared items take about as much as their bodies.
    pub fn memory_bytes(&self) -> usize {
        let places = self.places.allocation_size();
        self.bodies.memory_bytes() * 2 + self.identities.memory_bytes() + places
    }

    /// The number of the item whose body is here, parsed by `parse` if it is new.
    fn intern(
        &mut self,
        (number, chunk): (u32, &Bytes),
        body: Slice32,
        parse: impl FnOnce(&[u8], &mut Dictionary) -> Result<T, EncodeError>,
    ) -> Result<u32, EncodeError> {
        self.hold(number as usize, chunk);
        let body = body.of(chunk);
        let place = (body.as_ptr() as usize, body.len() as u32);
        if let Some(&number) = self.places.get(&place) {
            return Ok(number);
        }
        let number = self.bodies.intern(body);
        self.places.insert(place, number);
        if number as usize == self.items.len() {
            self.items.push(parse(body, &mut self.identities)?);
        }
        Ok(number)
    }
}

impl Interned<Resource> {
    /// The number of a resource, whose body is in this chunk.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn resource(
        &mut self,
        chunk: (u32, &Bytes),
        body: Slice32,
        columns: &mut Columns,
    ) -> Result<u32, EncodeError> {
        self.intern(chunk, body, |body, identities| parse_resource(body, identities, columns))
    }
}

impl Interned<Scope> {
    /// The number of a scope, whose body is in this chunk.
    ///
    /// # Errors
    /// Bytes that are not protobuf.
    pub fn scope(
        &mut self,
        chunk: (u32, &Bytes),
        body: Slice32,
        columns: &mut Columns,
    ) -> Result<u32, EncodeError> {
        self.intern(chunk, body, |body, identities| parse_scope(body, identities, columns))
    }
}

/// Key and body of the value.
type Pair<'a> = (&'a [u8], &'a [u8]);

const SERVICE_NAME: &[u8] = b"service.name";

fn parse_resource(
    body: &[u8],
    identities: &mut Dictionary,
    columns: &mut Columns,
) -> Result<Resource, EncodeError> {
    let (mut pairs, mut dropped) = (Vec::new(), 0);
    for field in Fields::new(body) {
        match field? {
            (1, Value::Bytes(pair)) => pairs.push(any::key_value(pair)?),
            (2, Value::Varint(count)) => dropped = count as i32,
            _ => {}
        }
    }
    pairs.sort_by_key(|&(key, _)| key);
    let (service, root_service) = service_names(&pairs)?;
    pairs.retain(|&(key, value)| !is_service_name(key, value));
    let attributes = prepare(&pairs, &mut columns.group.resource_attributes)?;
    let identity = identities.intern(&resource_identity(service, &pairs, &attributes));
    let service = columns.group.service.values.dictionary.intern(service);
    let attributes = PreparedList::new(attributes);
    Ok(Resource { identity, service, root_service: root_service.into(), attributes, dropped })
}

/// Whether it goes into the service's own column.
fn is_service_name(key: &[u8], value: &[u8]) -> bool {
    key == SERVICE_NAME && matches!(Any::parse(value), Ok(Any::Str(_)))
}

/// The service name for the column (the last one that is a string), and for root spans (the first
/// one, if it is a string).
fn service_names<'a>(pairs: &[Pair<'a>]) -> Result<(&'a [u8], &'a [u8]), EncodeError> {
    let (mut last, mut first): (&[u8], Option<&[u8]>) = (&[], None);
    for &(key, value) in pairs {
        if key == SERVICE_NAME {
            let text = match Any::parse(value)? {
                Any::Str(text) => Some(text),
                _ => None,
            };
            first = first.or(Some(text.unwrap_or_default()));
            last = text.unwrap_or(last);
        }
    }
    Ok((last, first.unwrap_or_default()))
}

fn parse_scope(
    body: &[u8],
    identities: &mut Dictionary,
    columns: &mut Columns,
) -> Result<Scope, EncodeError> {
    let (mut name, mut version): (&[u8], &[u8]) = (&[], &[]);
    let (mut pairs, mut dropped) = (Vec::new(), 0);
    for field in Fields::new(body) {
        match field? {
            (1, Value::Bytes(text)) => name = text,
            (2, Value::Bytes(text)) => version = text,
            (3, Value::Bytes(pair)) => pairs.push(any::key_value(pair)?),
            (4, Value::Varint(count)) => dropped = count as i32,
            _ => {}
        }
    }
    let group = &mut columns.group;
    let attributes = PreparedList::new(prepare(&pairs, &mut group.scope_attributes)?);
    pairs.sort_by_key(|&(key, _)| key);
    let sorted = PreparedList::new(prepare(&pairs, &mut group.scope_attributes)?);
    let names = [(name, &[][..]), (version, &[][..])];
    let naming = identities.intern(&identity_of(&names));
    pairs.extend(names);
    let identity = identities.intern(&identity_of(&pairs));
    let name = group.scope_name.values.dictionary.intern(name);
    let version = group.scope_version.values.dictionary.intern(version);
    Ok(Scope { identity, naming, name, version, attributes, sorted, dropped })
}

fn prepare(pairs: &[Pair<'_>], to: &mut Attributes) -> Result<Vec<Prepared>, EncodeError> {
    pairs.iter().map(|(key, value)| to.prepare(key, value)).collect()
}

/// Bytes that are equal for resources that come back equal: of attributes with columns of their own
/// the last value counts, an array of one element is that element, and an empty one is nothing.
fn resource_identity(service: &[u8], pairs: &[Pair<'_>], attributes: &[Prepared]) -> Vec<u8> {
    let (mut generic, mut own): (Vec<Pair<'_>>, Vec<(usize, &[u8])>) = (Vec::new(), Vec::new());
    for (&(key, value), prepared) in pairs.iter().zip(attributes) {
        if let Prepared::Dedicated(column, _) = prepared {
            own.retain(|(known, _)| known != column);
            own.push((*column, value));
        } else {
            generic.push((key, value));
        }
    }
    generic.push((service, &[]));
    let mut identity = identity_of(&generic);
    own.sort_unstable_by_key(|(column, _)| *column);
    for (column, value) in own {
        for element in any::values_of(value) {
            put_varint(&mut identity, column as u64);
            put_varint(&mut identity, element.len() as u64);
            identity.extend_from_slice(element);
        }
    }
    identity
}

/// Bytes that are equal if and only if all pairs are.
fn identity_of(pairs: &[Pair<'_>]) -> Vec<u8> {
    let mut identity = Vec::new();
    for part in pairs.iter().flat_map(|&(key, value)| [key, value]) {
        put_varint(&mut identity, part.len() as u64);
        identity.extend_from_slice(part);
    }
    identity
}
