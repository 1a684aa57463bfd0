//! What is put into filters: 64-bit entries, made of a place, a key and a value. Part of the format
//! ([`super`]): an entry is the same on every machine and in every version 1.

use crate::murmur::{finalize, murmur3_x64_128};
use crate::tags::{TagField, TagScope};

/// Where a key or a value is found. The number is part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Place {
    /// Attributes of resources, the service name included.
    Resource = 0,
    /// Attributes of spans.
    Span = 1,
    /// Attributes of events.
    Event = 2,
    /// Attributes of links.
    Link = 3,
    /// Attributes of instrumentation scopes.
    Instrumentation = 4,
    /// Span names; the key is empty, here and in what follows.
    Name = 5,
    /// Event names.
    EventName = 6,
    /// Names of instrumentation scopes.
    ScopeName = 7,
    /// Versions of instrumentation scopes.
    ScopeVersion = 8,
    /// Names of root spans.
    RootName = 9,
    /// Services of root spans.
    RootService = 10,
}

impl Place {
    /// All of them, by number.
    pub const ALL: [Self; 11] = [
        Self::Resource,
        Self::Span,
        Self::Event,
        Self::Link,
        Self::Instrumentation,
        Self::Name,
        Self::EventName,
        Self::ScopeName,
        Self::ScopeVersion,
        Self::RootName,
        Self::RootService,
    ];

    /// Whether keys of attributes are here, which are entries themselves.
    pub fn is_of_attributes(self) -> bool {
        self <= Self::Instrumentation
    }

    /// The place of attributes of a scope.
    pub fn of_scope(scope: TagScope) -> Self {
        match scope {
            TagScope::Resource => Self::Resource,
            TagScope::Span => Self::Span,
            TagScope::Event => Self::Event,
            TagScope::Link => Self::Link,
            TagScope::Instrumentation => Self::Instrumentation,
        }
    }

    /// Place and key of a field; `None` for one that is not gathered.
    pub fn of_field(field: &TagField) -> Option<(Self, &[u8])> {
        Some(match field {
            TagField::Attribute { scope, key } => (Self::of_scope(*scope), key.as_bytes()),
            TagField::Name => (Self::Name, &[]),
            TagField::EventName => (Self::EventName, &[]),
            TagField::ScopeName => (Self::ScopeName, &[]),
            TagField::ScopeVersion => (Self::ScopeVersion, &[]),
            TagField::RootName => (Self::RootName, &[]),
            TagField::RootService => (Self::RootService, &[]),
            TagField::StatusMessage => return None,
        })
    }
}

/// 2⁶⁴ divided by the golden ratio: apart from each other, its multiples have no pattern.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Types of entries.
mod class {
    pub const KEY: u64 = 1;
    pub const STRING: u64 = 2;
    pub const NUMBER: u64 = 3;
    pub const BOOL: u64 = 4;
}

/// The hash of a key at a place; entries are made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub u64);

impl KeyHash {
    /// The hash of `key` at `place`.
    pub fn of(place: Place, key: &[u8]) -> Self {
        let place = (place as u64 + 1).wrapping_mul(GOLDEN);
        Self(finalize(text_hash(key).wrapping_add(place)))
    }

    /// The entry that says that there is such a key.
    pub fn present(self) -> u64 {
        self.entry(class::KEY, 0)
    }

    /// The entry of a string, or of a string in an array.
    pub fn string(self, text: &[u8]) -> u64 {
        self.entry(class::STRING, text_hash(text))
    }

    /// The entry of an integer.
    pub fn int(self, value: i64) -> u64 {
        self.number(value as f64)
    }

    /// The entry of a number. Integers and doubles of one value have the same one, and both zeros,
    /// so that no rule of comparing numbers finds one that the filter denies.
    pub fn number(self, value: f64) -> u64 {
        let value = if value == 0.0 { 0.0 } else { value };
        self.entry(class::NUMBER, finalize(value.to_bits()))
    }

    /// The entry of a boolean.
    pub fn bool(self, value: bool) -> u64 {
        self.entry(class::BOOL, u64::from(value))
    }

    fn entry(self, class: u64, value: u64) -> u64 {
        finalize(self.0.wrapping_add(class.wrapping_mul(GOLDEN)) ^ value)
    }
}

/// The first half of MurmurHash3 x64 128-bit.
pub fn text_hash(text: &[u8]) -> u64 {
    murmur3_x64_128(text).0
}
