//! How OTLP messages look in JSON, as serde reads them (contract receivers.md §3.3): names in
//! lowerCamelCase or snake_case, unknown ones ignored, `null` as absent.
//!
//! `I` says how ids are written: in hex by OTLP clients, in base64 by the query API.
//! `json_model/scalar.rs` has the types of single values.

mod scalar;
mod value;

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
pub(crate) use scalar::{Base64Ids, HexIds};
use scalar::{Enum, Id, IdText, Integer, SpanKindNames, StatusCodeNames, Text};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
pub(crate) use value::AnyValueJson;

use crate::otlp::{
    AnyValue, Event, InstrumentationScope, KeyValue, Link, Resource, ResourceSpans, ScopeSpans,
    Span, Status, TracesData,
};

/// Reads `null` as if the field were absent.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A `T` that must be written as an object. What serde derives takes a list of the fields, too.
#[derive(Default)]
pub(crate) struct Object<T>(pub(crate) T);

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

fn list<T, U: From<T>>(list: Vec<Object<T>>) -> Vec<U> {
    list.into_iter().map(|item| U::from(item.0)).collect()
}

fn optional<T, U: From<T>>(message: Option<Object<T>>) -> Option<U> {
    message.map(|message| U::from(message.0))
}

/// Declares a message for serde, each field with its snake_case alias and `null` as absent, and
/// how it becomes the message of [`crate::otlp`].
macro_rules! message {
    (
        $(#[$doc:meta])*
        $name:ident $(<$ids:ident: $bound:literal>)? => $target:ident {
            $($field:ident $(($($alias:literal),+))?: $type:ty => $convert:expr,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase" $(, bound = $bound)?)]
        pub(crate) struct $name $(<$ids>)? {
            $(
                #[serde(deserialize_with = "nullable")]
                $($(#[serde(alias = $alias)])+)?
                $field: $type,
            )*
        }

        impl $(<$ids>)? From<$name $(<$ids>)?> for $target {
            fn from(json: $name $(<$ids>)?) -> Self {
                Self { $($field: ($convert)(json.$field),)* }
            }
        }
    };
}

message! {
    /// The request, or a trace; `batches` is what the query API's first version calls the list.
    TracesDataJson<I: "I: IdText"> => TracesData {
        resource_spans("resource_spans", "batches"): Vec<Object<ResourceSpansJson<I>>> => list,
    }
}

message! {
    ResourceSpansJson<I: "I: IdText"> => ResourceSpans {
        resource: Option<Object<ResourceJson>> => optional,
        scope_spans("scope_spans"): Vec<Object<ScopeSpansJson<I>>> => list,
        schema_url("schema_url"): Text => Bytes::from,
    }
}

message! {
    ResourceJson => Resource {
        attributes: Vec<Object<KeyValueJson>> => list,
        dropped_attributes_count("dropped_attributes_count"): Integer<u32> => Integer::get,
    }
}

message! {
    ScopeSpansJson<I: "I: IdText"> => ScopeSpans {
        scope: Option<Object<ScopeJson>> => optional,
        spans: Vec<Object<SpanJson<I>>> => list,
        schema_url("schema_url"): Text => Bytes::from,
    }
}

message! {
    ScopeJson => InstrumentationScope {
        name: Text => Bytes::from,
        version: Text => Bytes::from,
        attributes: Vec<Object<KeyValueJson>> => list,
        dropped_attributes_count("dropped_attributes_count"): Integer<u32> => Integer::get,
    }
}

message! {
    SpanJson<I: "I: IdText"> => Span {
        trace_id("trace_id"): Id<I, 16> => Bytes::from,
        span_id("span_id"): Id<I, 8> => Bytes::from,
        trace_state("trace_state"): Text => Bytes::from,
        parent_span_id("parent_span_id"): Id<I, 8> => Bytes::from,
        flags: Integer<u32> => Integer::get,
        name: Text => Bytes::from,
        kind: Enum<SpanKindNames> => Enum::number,
        start_time_unix_nano("start_time_unix_nano"): Integer<u64> => Integer::get,
        end_time_unix_nano("end_time_unix_nano"): Integer<u64> => Integer::get,
        attributes: Vec<Object<KeyValueJson>> => list,
        dropped_attributes_count("dropped_attributes_count"): Integer<u32> => Integer::get,
        events: Vec<Object<EventJson>> => list,
        dropped_events_count("dropped_events_count"): Integer<u32> => Integer::get,
        links: Vec<Object<LinkJson<I>>> => list,
        dropped_links_count("dropped_links_count"): Integer<u32> => Integer::get,
        status: Option<Object<StatusJson>> => optional,
    }
}

message! {
    EventJson => Event {
        time_unix_nano("time_unix_nano"): Integer<u64> => Integer::get,
        name: Text => Bytes::from,
        attributes: Vec<Object<KeyValueJson>> => list,
        dropped_attributes_count("dropped_attributes_count"): Integer<u32> => Integer::get,
    }
}

message! {
    LinkJson<I: "I: IdText"> => Link {
        trace_id("trace_id"): Id<I, 16> => Bytes::from,
        span_id("span_id"): Id<I, 8> => Bytes::from,
        trace_state("trace_state"): Text => Bytes::from,
        attributes: Vec<Object<KeyValueJson>> => list,
        dropped_attributes_count("dropped_attributes_count"): Integer<u32> => Integer::get,
        flags: Integer<u32> => Integer::get,
    }
}

message! {
    StatusJson => Status {
        message: Text => Bytes::from,
        code: Enum<StatusCodeNames> => Enum::number,
    }
}

message! {
    KeyValueJson => KeyValue {
        key: Text => Bytes::from,
        value: Option<AnyValueJson> => |json: Option<_>| json.map(AnyValue::from),
    }
}
