//! Tenant indexes in the store: read by whoever starts or does not list blocks itself, written
//! after a listing (contract blocks.md §3, §21).
//!
//! Packing and unpacking go aside: they take some 10 ms for tens of thousands of blocks. What they
//! hold is charged to the core; an index that would take more than a part of its budget is as good
//! as none.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::Bytes;
use stringendo_block::tenant_index::{IndexError, JSON_OBJECT, PROTOBUF_OBJECT, TenantIndex};
use stringendo_ring::offload;

use super::Backend;
use super::listing::ListMemory;
use crate::block_list::{BlockEntry, CompactedBlock};
use crate::budget::Charge;
use crate::tenant::TenantId;

/// Largest index that is read, packed: some 500,000 blocks.
const PACKED_BYTES_MAX: u64 = 64 << 20;
/// The same, unpacked.
const UNPACKED_BYTES_MAX: u64 = 512 << 20;

/// Part of a core's budget that an index may take unpacked.
const BUDGET_DIVISOR: u64 = 4;
/// Memory of an unpacked index for each of its packed bytes, about.
const UNPACKED_FACTOR: u64 = 10;
/// Copies of a block's meta while an index is packed: one to pack, as a message, as JSON.
const PACKED_COPIES: u64 = 4;

/// Reads a tenant's index; the JSON one only if the other is not there. `memory` is charged for it.
///
/// # Errors
/// From the store, or it is damaged, or too large; `NotFound` if there is none.
pub async fn read(
    backend: &Backend,
    tenant: &TenantId,
    memory: &ListMemory,
) -> io::Result<TenantIndex> {
    match get(backend, tenant, PROTOBUF_OBJECT, memory).await {
        Ok(packed) => unpack(packed, memory, TenantIndex::from_protobuf).await,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let packed = get(backend, tenant, JSON_OBJECT, memory).await?;
            unpack(packed, memory, TenantIndex::from_json).await
        }
        Err(error) => Err(error),
    }
}

/// Bytes that an index may take in a core's budget.
fn bytes_max(memory: &ListMemory) -> u64 {
    memory.limit().map_or(u64::MAX, |limit| limit / BUDGET_DIVISOR)
}

async fn get(
    backend: &Backend,
    tenant: &TenantId,
    name: &str,
    memory: &ListMemory,
) -> io::Result<Bytes> {
    let bytes_max = PACKED_BYTES_MAX.min(bytes_max(memory));
    backend.read_root_object(&format!("{tenant}/{name}"), bytes_max).await
}

async fn unpack(
    packed: Bytes,
    memory: &ListMemory,
    decode: fn(&[u8], u64) -> Result<TenantIndex, IndexError>,
) -> io::Result<TenantIndex> {
    let bytes_max = UNPACKED_BYTES_MAX.min(bytes_max(memory));
    memory.grow((packed.len() as u64).saturating_mul(UNPACKED_FACTOR).min(bytes_max));
    let index = offload(move || decode(&packed, bytes_max)).await?;
    index.map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("tenant index: {error}")))
}

/// Writes a tenant's index in both forms; removes it if the tenant has no blocks. `memory` is
/// charged meanwhile.
///
/// # Errors
/// From the store.
pub async fn write(
    backend: &Backend,
    tenant: &TenantId,
    live: &[Arc<BlockEntry>],
    compacted: &[Arc<CompactedBlock>],
    now_unix_nanos: u64,
    memory: &mut Charge,
) -> io::Result<()> {
    let path = |name: &str| format!("{tenant}/{name}");
    if live.is_empty() && compacted.is_empty() {
        backend.delete_root_object(&path(PROTOBUF_OBJECT)).await?;
        return backend.delete_root_object(&path(JSON_OBJECT)).await;
    }
    let metas = live.iter().chain(compacted.iter().map(|block| &block.entry));
    let bytes: u64 = metas.map(|entry| entry.memory_bytes() as u64).sum();
    memory.resize(bytes.saturating_mul(PACKED_COPIES));
    let (live, compacted) = (live.to_vec(), compacted.to_vec());
    let pack = move || {
        let since =
            |block: &Arc<CompactedBlock>| (block.entry.meta.clone(), block.compacted_unix_nanos);
        let index = TenantIndex {
            created_unix_nanos: now_unix_nanos,
            live: live.iter().map(|entry| entry.meta.clone()).collect(),
            compacted: compacted.iter().map(since).collect(),
        };
        Ok::<_, IndexError>((index.to_protobuf()?, index.to_json()?))
    };
    let (protobuf, json) = offload(pack).await?.map_err(io::Error::other)?;
    memory.resize((protobuf.capacity() + json.capacity()) as u64);
    backend.write_root_object(&path(PROTOBUF_OBJECT), protobuf.into()).await?;
    backend.write_root_object(&path(JSON_OBJECT), json.into()).await?;
    memory.resize(0);
    Ok(())
}
