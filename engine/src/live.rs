//! Live data: the image of the log in memory, and where every trace is in it.
//!
//! From: [`crate::commit`] (a group that is durable) or [`crate::recovery`] (a segment file read
//! back): the same bytes, the same index, so there is no second replay path. To: live queries, and
//! [`crate::encode_job`] once the segment is sealed.

pub mod columns;
pub mod facts;
pub mod index;
pub mod items;
pub mod scopes;
pub mod span;
pub mod value;
pub mod view;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use stringendo_proto::walk::BatchIndex;
use uuid::Uuid;

use crate::budget::Charge;
use crate::tenant::TenantId;
use index::{Placement, TenantIndex};

/// One segment's data in memory.
pub struct LiveSegment {
    /// Id of the segment, from which the ids of its blocks follow.
    pub id: Uuid,
    /// Its file.
    pub path: PathBuf,
    /// When the first frame came, by the monotonic clock.
    pub first_frame: Option<Duration>,
    chunks: Vec<Bytes>,
    tenants: HashMap<TenantId, TenantIndex>,
    payload_bytes: u64,
    image_bytes: u64,
    charge: Charge,
}

impl LiveSegment {
    /// A segment without data. `charge` will follow its size.
    pub fn new(id: Uuid, path: PathBuf, charge: Charge) -> Self {
        Self {
            id,
            path,
            first_frame: None,
            chunks: Vec::new(),
            tenants: HashMap::new(),
            payload_bytes: 0,
            image_bytes: 0,
            charge,
        }
    }

    /// Adds a piece of the image; `held_bytes` is the memory behind it. Returns its number.
    pub fn add_chunk(&mut self, chunk: Bytes, held_bytes: usize) -> u32 {
        self.image_bytes += held_bytes as u64;
        self.chunks.push(chunk);
        (self.chunks.len() - 1) as u32
    }

    /// Adds the spans of one frame. Returns how many traces are new to this segment.
    pub fn add_frame(
        &mut self,
        tenant: &TenantId,
        place: Placement,
        payload_bytes: u32,
        batch: &BatchIndex,
    ) -> usize {
        self.payload_bytes += u64::from(payload_bytes);
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.clone(), TenantIndex::default());
        }
        let index = self.tenants.get_mut(tenant).expect("inserted above");
        index.add(place, payload_bytes, batch)
    }

    /// Brings the charge up to date after frames were added.
    pub fn recharge(&mut self) {
        let index_bytes: u64 = self.tenants.values().map(TenantIndex::memory_bytes).sum();
        self.charge.resize(self.image_bytes + index_bytes);
    }

    /// Whether there are no spans.
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// Bytes of OTLP.
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Memory held: image and index.
    pub fn memory_bytes(&self) -> u64 {
        self.charge.bytes()
    }

    /// The image.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// The index of one tenant.
    pub fn tenant(&self, tenant: &TenantId) -> Option<&TenantIndex> {
        self.tenants.get(tenant)
    }

    /// All tenants with data here.
    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &TenantIndex)> {
        self.tenants.iter()
    }
}
