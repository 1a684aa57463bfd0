//! Tenant indexes in the store: read by whoever starts or does not list blocks itself, written
//! after a listing (contract blocks.md §3, §21).
//!
//! Packing and unpacking go aside: they take some 10 ms for tens of thousands of blocks.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::Bytes;
use stringendo_block::tenant_index::{IndexError, JSON_OBJECT, PROTOBUF_OBJECT, TenantIndex};
use stringendo_ring::offload;

use super::Backend;
use crate::block_list::{BlockEntry, CompactedBlock};
use crate::tenant::TenantId;

/// Largest index that is read, packed: some 500,000 blocks.
const PACKED_BYTES_MAX: u64 = 64 << 20;
/// The same, unpacked.
const UNPACKED_BYTES_MAX: u64 = 512 << 20;

/// Reads a tenant's index; the JSON one only if the other is not there.
///
/// # Errors
/// From the store, or it is damaged; `NotFound` if there is none.
pub async fn read(backend: &Backend, tenant: &TenantId) -> io::Result<TenantIndex> {
    match get(backend, tenant, PROTOBUF_OBJECT).await {
        Ok(packed) => unpack(packed, TenantIndex::from_protobuf).await,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            unpack(get(backend, tenant, JSON_OBJECT).await?, TenantIndex::from_json).await
        }
        Err(error) => Err(error),
    }
}

async fn get(backend: &Backend, tenant: &TenantId, name: &str) -> io::Result<Bytes> {
    backend.read_root_object(&format!("{tenant}/{name}"), PACKED_BYTES_MAX).await
}

async fn unpack(
    packed: Bytes,
    decode: fn(&[u8], u64) -> Result<TenantIndex, IndexError>,
) -> io::Result<TenantIndex> {
    let index = offload(move || decode(&packed, UNPACKED_BYTES_MAX)).await?;
    index.map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("tenant index: {error}")))
}

/// Writes a tenant's index in both forms; removes it if the tenant has no blocks.
///
/// # Errors
/// From the store.
pub async fn write(
    backend: &Backend,
    tenant: &TenantId,
    live: &[Arc<BlockEntry>],
    compacted: &[Arc<CompactedBlock>],
    now_unix_nanos: u64,
) -> io::Result<()> {
    let path = |name: &str| format!("{tenant}/{name}");
    if live.is_empty() && compacted.is_empty() {
        backend.delete_root_object(&path(PROTOBUF_OBJECT)).await?;
        return backend.delete_root_object(&path(JSON_OBJECT)).await;
    }
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
    backend.write_root_object(&path(PROTOBUF_OBJECT), protobuf.into()).await?;
    backend.write_root_object(&path(JSON_OBJECT), json.into()).await
}
