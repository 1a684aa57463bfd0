//! Reads metas from JSON. The case of keys does not matter, unknown keys are passed over, `null` is
//! as good as a missing key, and of a key that is there twice the last value counts.
//!
//! From: [`BlockMeta::parse`], and [`crate::tenant_index`] with many of them. Values go straight to
//! their places: whatever the text is, a meta takes little more memory than it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{BlockMeta, DedicatedColumn};

/// A meta, and since when the block is compacted, RFC 3339: tenant indexes say that.
#[derive(Default)]
pub(crate) struct MetaJson {
    pub(crate) meta: BlockMeta,
    pub(crate) compacted_time: String,
}

impl<'de> Deserialize<'de> for MetaJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = MetaJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the meta of a block")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MetaJson, A::Error> {
        let mut read = MetaJson::default();
        while let Some(key) = map.next_key::<Key>()? {
            let meta = &mut read.meta;
            match key.0 {
                "format" => take(&mut map, &mut meta.format)?,
                "blockID" => take(&mut map, &mut meta.block_id)?,
                "tenantID" => take(&mut map, &mut meta.tenant_id)?,
                "startTime" => take(&mut map, &mut meta.start_time)?,
                "endTime" => take(&mut map, &mut meta.end_time)?,
                "totalObjects" => take(&mut map, &mut meta.total_objects)?,
                "size" => take(&mut map, &mut meta.size)?,
                "compactionLevel" => take(&mut map, &mut meta.compaction_level)?,
                "indexPageSize" => take(&mut map, &mut meta.index_page_size)?,
                "totalRecords" => take(&mut map, &mut meta.total_records)?,
                "bloomShards" => take(&mut map, &mut meta.bloom_shards)?,
                "footerSize" => take(&mut map, &mut meta.footer_size)?,
                "dedicatedColumns" => {
                    let mut columns = Columns::default();
                    take(&mut map, &mut columns)?;
                    meta.dedicated_columns = columns.0;
                }
                "replicationFactor" => take(&mut map, &mut meta.replication_factor)?,
                "stringendoInputs" => take(&mut map, &mut meta.inputs)?,
                "compactedTime" => take(&mut map, &mut read.compacted_time)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(read)
    }
}

/// Reads a value into its place, unless it is `null`.
fn take<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    place: &mut T,
) -> Result<(), A::Error> {
    if let Some(value) = map.next_value()? {
        *place = value;
    }
    Ok(())
}

/// Longest list of columns: there are some tens of them. Each takes far more memory than text.
const COLUMNS_MAX: usize = 1 << 12;

#[derive(Default)]
struct Columns(Vec<DedicatedColumn>);

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ColumnList)
    }
}

struct ColumnList;

impl<'de> Visitor<'de> for ColumnList {
    type Value = Columns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {COLUMNS_MAX} columns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Columns, A::Error> {
        let mut columns = Vec::new();
        while let Some(column) = list.next_element()? {
            if columns.len() == COLUMNS_MAX {
                return Err(A::Error::invalid_length(COLUMNS_MAX + 1, &self));
            }
            columns.push(column);
        }
        Ok(Columns(columns))
    }
}

/// The keys that are read.
const KEYS: [&str; 16] = [
    "format",
    "blockID",
    "tenantID",
    "startTime",
    "endTime",
    "totalObjects",
    "size",
    "compactionLevel",
    "indexPageSize",
    "totalRecords",
    "bloomShards",
    "footerSize",
    "dedicatedColumns",
    "replicationFactor",
    "stringendoInputs",
    "compactedTime",
];

/// A key as it is written here; empty for others.
struct Key(&'static str);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(KeyText)
    }
}

struct KeyText;

impl Visitor<'_> for KeyText {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, text: &str) -> Result<Key, E> {
        let known = KEYS.iter().find(|key| key.eq_ignore_ascii_case(text));
        Ok(Key(known.copied().unwrap_or_default()))
    }
}
