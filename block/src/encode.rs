//! From OTLP bytes to a block's objects, straight into columns.
//!
//! From: a sealed segment's image, as positions (`engine`). To: `data.parquet`, blooms, index and
//! meta, which `engine` writes to the backend.

use bytes::Bytes;
use stringendo_proto::TraceId;
use stringendo_proto::walk::Slice32;
use uuid::Uuid;

use crate::meta::{BlockMeta, DedicatedColumn};

/// What to write and how.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    /// Id and directory name of the block.
    pub block_id: Uuid,
    /// Tenant.
    pub tenant: String,
    /// Attributes with a column of their own, in order.
    pub dedicated_columns: Vec<DedicatedColumn>,
    /// `bloom_filter_false_positive`.
    pub bloom_false_positive: f64,
    /// `bloom_filter_shard_size_bytes`.
    pub bloom_shard_bytes: usize,
    /// `parquet_row_group_size_bytes`, by Tempo's estimate (contract blocks.md §6).
    pub row_group_bytes: u64,
    /// Traces that will be added; sizes the bloom filter, so never 0.
    pub traces: usize,
}

/// One span, as positions in `chunks[chunk]`.
#[derive(Clone, Copy, Debug)]
pub struct SpanPart {
    /// Index into the chunks given along.
    pub chunk: u32,
    /// Body of the `Resource` message.
    pub resource: Slice32,
    /// Body of the `InstrumentationScope` message.
    pub scope: Slice32,
    /// Body of the `Span` message.
    pub span: Slice32,
}

/// Why a block could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Traces must be added in ascending order of their ids, each once.
    #[error("trace {next} added after {last}")]
    Order {
        /// The id before.
        last: TraceId,
        /// The offending one.
        next: TraceId,
    },
    /// Bytes that the walk would not have accepted.
    #[error("span bytes do not decode: {0}")]
    Malformed(String),
    /// From the Parquet writer.
    #[error("parquet: {0}")]
    Parquet(String),
}

/// Every object of a finished block.
#[derive(Clone, Debug)]
pub struct FinishedBlock {
    /// `meta.json`.
    pub meta: BlockMeta,
    /// `data.parquet`.
    pub data: Bytes,
    /// `bloom-0` …
    pub blooms: Vec<Bytes>,
    /// `index`.
    pub index: Bytes,
}

/// Encodes one block.
pub struct BlockEncoder {
    options: EncodeOptions,
}

impl BlockEncoder {
    /// Begins a block.
    pub fn new(options: EncodeOptions) -> Self {
        Self { options }
    }

    /// Adds a trace: all its spans, in any order. Duplicates by (span id, kind) are dropped, the
    /// first copy stays. Takes well under a millisecond for an ordinary trace, now and then a few
    /// for writing out gathered columns, so callers yield after each call.
    ///
    /// # Errors
    /// See [`EncodeError`]; the encoder must then be given up.
    pub fn add_trace(
        &mut self,
        chunks: &[Bytes],
        trace_id: &TraceId,
        spans: &[SpanPart],
    ) -> Result<(), EncodeError> {
        let _ = (chunks, trace_id, spans, &self.options);
        todo!()
    }

    /// Spans stored so far, duplicates left out.
    pub fn spans(&self) -> u64 {
        todo!()
    }

    /// Bytes of memory held now.
    pub fn memory_bytes(&self) -> usize {
        todo!()
    }

    /// No more traces; the rest is done in steps.
    pub fn finish(self) -> Finishing {
        todo!()
    }
}

/// The last part of encoding, in steps of about a millisecond, so that a core can yield between.
pub struct Finishing {
    _private: (),
}

impl Finishing {
    /// Does some work; `Some` when all is done.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn step(&mut self) -> Result<Option<FinishedBlock>, EncodeError> {
        todo!()
    }
}
