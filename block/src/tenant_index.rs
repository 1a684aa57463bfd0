//! The tenant index: all metas of a tenant in one object, so that who starts need not read each
//! `meta.json` (contract blocks.md §3). Bytes in, bytes out; where it lies is not known here.
//!
//! An index may be damaged, or be somebody else's: memory for what it unpacks to, and for the metas
//! in it, is bounded.

mod json;

use std::io::Read;

use flate2::{Compression, GzBuilder, read::GzDecoder};
use jiff::Timestamp;
use prost::Message;
use serde_json::{Map, Value};
use stringendo_proto::wire::{self, Fields, WireError};
use uuid::Uuid;

use crate::meta::{BlockMeta, rfc3339};

/// The object that readers try first.
pub const PROTOBUF_OBJECT: &str = "index.pb.zst";
/// The object that they read if the first is not there.
pub const JSON_OBJECT: &str = "index.json.gz";

/// Level at which indexes are compressed: they are written every few minutes.
const ZSTD_LEVEL: i32 = 3;

/// Metas take up to so much memory for each byte that an index may have unpacked: many columns of
/// their own take thrice their text.
const MEMORY_FACTOR: u64 = 4;
/// No block's meta has so many bytes.
const META_BYTES_MAX: usize = 1 << 20;

/// All metas of a tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TenantIndex {
    /// When it was made, nanoseconds since the Unix epoch.
    pub created_unix_nanos: u64,
    /// Live blocks.
    pub live: Vec<BlockMeta>,
    /// Compacted blocks, and since when (nanoseconds since the Unix epoch).
    pub compacted: Vec<(BlockMeta, u64)>,
}

/// Why an index cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It is larger than what may be read.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// Damaged compression.
    #[error("{0}")]
    Compression(#[from] std::io::Error),
    /// Not the message.
    #[error("{0}")]
    Protobuf(#[from] prost::DecodeError),
    /// Not protobuf.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// Not the JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A value that cannot be.
    #[error("{0}")]
    Value(&'static str),
}

#[derive(Clone, PartialEq, Message)]
struct IndexMessage {
    #[prost(message, optional, tag = "1")]
    created_at: Option<Time>,
    #[prost(message, repeated, tag = "2")]
    meta: Vec<MetaMessage>,
    #[prost(message, repeated, tag = "3")]
    compacted_meta: Vec<CompactedMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct CompactedMessage {
    #[prost(message, optional, tag = "1")]
    block_meta: Option<MetaMessage>,
    #[prost(message, optional, tag = "2")]
    compacted_time: Option<Time>,
}

#[derive(Clone, PartialEq, Message)]
struct MetaMessage {
    #[prost(string, tag = "1")]
    version: String,
    #[prost(bytes = "vec", tag = "2")]
    block_id: Vec<u8>,
    #[prost(string, tag = "5")]
    tenant_id: String,
    #[prost(message, optional, tag = "6")]
    start_time: Option<Time>,
    #[prost(message, optional, tag = "7")]
    end_time: Option<Time>,
    #[prost(int64, tag = "8")]
    total_objects: i64,
    #[prost(uint64, tag = "9")]
    size: u64,
    #[prost(uint32, tag = "10")]
    compaction_level: u32,
    #[prost(uint32, tag = "12")]
    index_page_size: u32,
    #[prost(uint32, tag = "13")]
    total_records: u32,
    #[prost(uint32, tag = "15")]
    bloom_shard_count: u32,
    #[prost(uint32, tag = "16")]
    footer_size: u32,
    #[prost(bytes = "vec", tag = "17")]
    dedicated_columns: Vec<u8>,
    #[prost(uint32, tag = "18")]
    replication_factor: u32,
    /// A field of our own, which other readers ignore: [`BlockMeta::inputs`].
    #[prost(bytes = "vec", repeated, tag = "1001")]
    inputs: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl TenantIndex {
    /// `index.pb.zst`.
    ///
    /// # Errors
    /// From the compressor.
    pub fn to_protobuf(&self) -> Result<Vec<u8>, IndexError> {
        let compacted = |(meta, since): &(BlockMeta, u64)| CompactedMessage {
            block_meta: Some(MetaMessage::of(meta)),
            compacted_time: Some(Time::of(*since)),
        };
        let message = IndexMessage {
            created_at: Some(Time::of(self.created_unix_nanos)),
            meta: self.live.iter().map(MetaMessage::of).collect(),
            compacted_meta: self.compacted.iter().map(compacted).collect(),
        };
        Ok(zstd::bulk::compress(&message.encode_to_vec(), ZSTD_LEVEL)?)
    }

    /// Reads `index.pb.zst` of at most `bytes_max` bytes when it is unpacked.
    ///
    /// # Errors
    /// It is larger, or damaged.
    pub fn from_protobuf(bytes: &[u8], bytes_max: u64) -> Result<Self, IndexError> {
        let unpacked = read_all(zstd::stream::read::Decoder::new(bytes)?, bytes_max)?;
        let (mut index, mut room) = (Self::default(), Room::of(bytes_max));
        // One meta after the other: in the form of the message they are larger.
        for field in Fields::new(&unpacked) {
            match field? {
                (1, wire::Value::Bytes(time)) => {
                    index.created_unix_nanos = Time::decode(time)?.unix_nanos();
                }
                (2, wire::Value::Bytes(meta)) => {
                    let meta = MetaMessage::decode(bounded(meta)?)?.into_meta()?;
                    room.take(&meta)?;
                    index.live.push(meta);
                }
                (3, wire::Value::Bytes(compacted)) => {
                    let (meta, since) =
                        CompactedMessage::decode(bounded(compacted)?)?.into_meta()?;
                    room.take(&meta)?;
                    index.compacted.push((meta, since));
                }
                _ => {}
            }
        }
        Ok(index)
    }

    /// `index.json.gz`.
    ///
    /// # Errors
    /// From the compressor.
    pub fn to_json(&self) -> Result<Vec<u8>, IndexError> {
        let compacted = self.compacted.iter().map(|(meta, since)| {
            let mut meta = serde_json::to_value(meta)?;
            if let Value::Object(keys) = &mut meta {
                keys.insert("compactedTime".to_owned(), rfc3339(*since).into());
            }
            Ok(meta)
        });
        let mut index = Map::new();
        index.insert("created_at".to_owned(), rfc3339(self.created_unix_nanos).into());
        index.insert("meta".to_owned(), serde_json::to_value(&self.live)?);
        let compacted = compacted.collect::<Result<Vec<_>, serde_json::Error>>()?;
        index.insert("compacted".to_owned(), compacted.into());
        let mut packed =
            GzBuilder::new().filename("index.json").write(Vec::new(), Compression::default());
        serde_json::to_writer(&mut packed, &index)?;
        Ok(packed.finish()?)
    }

    /// Reads `index.json.gz` of at most `bytes_max` bytes when it is unpacked.
    ///
    /// # Errors
    /// It is larger, or damaged.
    pub fn from_json(bytes: &[u8], bytes_max: u64) -> Result<Self, IndexError> {
        let unpacked = read_all(GzDecoder::new(bytes), bytes_max)?;
        let mut room = Room::of(bytes_max);
        let read = json::read(&unpacked, &mut room);
        // What the reader of JSON was told goes before what it says of that.
        room.check()?;
        Ok(read?)
    }
}

/// Memory that is left for metas.
struct Room {
    left: u64,
    bytes_max: u64,
    is_full: bool,
}

impl Room {
    /// For those of an index of at most `bytes_max` bytes.
    fn of(bytes_max: u64) -> Self {
        Self { left: bytes_max.saturating_mul(MEMORY_FACTOR), bytes_max, is_full: false }
    }

    fn take(&mut self, meta: &BlockMeta) -> Result<(), IndexError> {
        let bytes = (size_of::<BlockMeta>() + meta.heap_bytes()) as u64;
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => self.is_full = true,
        }
        self.check()
    }

    fn check(&self) -> Result<(), IndexError> {
        if self.is_full { Err(IndexError::TooLarge(self.bytes_max)) } else { Ok(()) }
    }
}

fn bounded(meta: &[u8]) -> Result<&[u8], IndexError> {
    let is_bounded = meta.len() <= META_BYTES_MAX;
    is_bounded.then_some(meta).ok_or(IndexError::Value("a meta that is far too large"))
}

fn read_all(reader: impl Read, bytes_max: u64) -> Result<Vec<u8>, IndexError> {
    let mut unpacked = Vec::new();
    reader.take(bytes_max.saturating_add(1)).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > bytes_max {
        return Err(IndexError::TooLarge(bytes_max));
    }
    Ok(unpacked)
}

/// 0 where it is no time.
fn unix_nanos(time: &str) -> u64 {
    let time = time.parse::<Timestamp>().ok();
    time.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or(0)
}

impl Time {
    fn of(unix_nanos: u64) -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self { seconds: (unix_nanos / SECOND).cast_signed(), nanos: (unix_nanos % SECOND) as i32 }
    }

    fn of_text(text: &str) -> Option<Self> {
        let time = text.parse::<Timestamp>().ok()?;
        Some(Self { seconds: time.as_second(), nanos: time.subsec_nanosecond() })
    }

    fn unix_nanos(self) -> u64 {
        let time = Timestamp::new(self.seconds, self.nanos);
        time.ok().and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or(0)
    }

    fn text(self) -> Result<String, IndexError> {
        let time = Timestamp::new(self.seconds, self.nanos);
        time.map(|time| time.to_string()).map_err(|_| IndexError::Value("a time beyond all times"))
    }
}

impl CompactedMessage {
    fn into_meta(self) -> Result<(BlockMeta, u64), IndexError> {
        let meta = self.block_meta.ok_or(IndexError::Value("a block without a meta"))?;
        Ok((meta.into_meta()?, self.compacted_time.map_or(0, Time::unix_nanos)))
    }
}

impl MetaMessage {
    fn of(meta: &BlockMeta) -> Self {
        let columns = if meta.dedicated_columns.is_empty() {
            Vec::new()
        } else {
            serde_json::to_vec(&meta.dedicated_columns).expect("columns are texts and lists")
        };
        Self {
            version: meta.format.clone(),
            block_id: meta.block_id.as_bytes().to_vec(),
            tenant_id: meta.tenant_id.clone(),
            start_time: Time::of_text(&meta.start_time),
            end_time: Time::of_text(&meta.end_time),
            total_objects: i64::try_from(meta.total_objects).unwrap_or(i64::MAX),
            size: meta.size,
            compaction_level: meta.compaction_level,
            index_page_size: meta.index_page_size,
            total_records: meta.total_records,
            bloom_shard_count: meta.bloom_shards,
            footer_size: meta.footer_size,
            dedicated_columns: columns,
            replication_factor: meta.replication_factor,
            inputs: meta.inputs.iter().map(|id| id.as_bytes().to_vec()).collect(),
        }
    }

    fn into_meta(self) -> Result<BlockMeta, IndexError> {
        let id = |bytes: &[u8]| {
            Uuid::from_slice(bytes).map_err(|_| IndexError::Value("a block id of another length"))
        };
        let text = |time: Option<Time>| time.map_or_else(|| Ok(String::new()), Time::text);
        let columns = match self.dedicated_columns.as_slice() {
            [] => Vec::new(),
            columns => serde_json::from_slice(columns)?,
        };
        Ok(BlockMeta {
            format: self.version,
            block_id: id(&self.block_id)?,
            tenant_id: self.tenant_id,
            start_time: text(self.start_time)?,
            end_time: text(self.end_time)?,
            total_objects: u64::try_from(self.total_objects).unwrap_or(0),
            size: self.size,
            compaction_level: self.compaction_level,
            index_page_size: self.index_page_size,
            total_records: self.total_records,
            bloom_shards: self.bloom_shard_count,
            footer_size: self.footer_size,
            dedicated_columns: columns,
            replication_factor: self.replication_factor,
            inputs: self.inputs.iter().map(|bytes| id(bytes)).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
#[path = "tenant_index_tests.rs"]
mod tests;
