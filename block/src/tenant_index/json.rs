//! Reads the JSON form of an index, one meta after the other, as long as there is room for them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Room, TenantIndex, unix_nanos};
use crate::meta::{BlockMeta, MetaJson};

/// Reads an index. After an error `room` says whether there was too little of it.
pub(super) fn read(json: &[u8], room: &mut Room) -> Result<TenantIndex, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let index = deserializer.deserialize_map(Index { room })?;
    deserializer.end()?;
    Ok(index)
}

/// The object with everything.
struct Index<'r> {
    room: &'r mut Room,
}

impl<'de> Visitor<'de> for Index<'_> {
    type Value = TenantIndex;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tenant index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TenantIndex, A::Error> {
        let mut index = TenantIndex::default();
        while let Some(key) = map.next_key::<String>()? {
            let metas = Metas { room: &mut *self.room };
            match key.as_str() {
                "created_at" => {
                    let time: Option<String> = map.next_value()?;
                    index.created_unix_nanos = time.map_or(0, |time| unix_nanos(&time));
                }
                "meta" => {
                    let metas = map.next_value_seed(metas)?.into_iter();
                    index.live = metas.map(|(meta, _)| meta).collect();
                }
                "compacted" => index.compacted = map.next_value_seed(metas)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(index)
    }
}

/// A list of metas, with times of compaction or 0; `null` is an empty one.
struct Metas<'r> {
    room: &'r mut Room,
}

impl<'de> DeserializeSeed<'de> for Metas<'_> {
    type Value = Vec<(BlockMeta, u64)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Metas<'_> {
    type Value = Vec<(BlockMeta, u64)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of metas")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut metas = Vec::new();
        while let Some(MetaJson { meta, compacted_time }) = list.next_element()? {
            self.room.take(&meta).map_err(A::Error::custom)?;
            metas.push((meta, unix_nanos(&compacted_time)));
        }
        Ok(metas)
    }
}
