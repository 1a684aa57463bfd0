//! Memory of groups: from segments that were given back to groups that gather.
//!
//! Fresh memory costs more than all else that happens to a span before its acknowledgement: the
//! page faults are five times copy and checksum (`benches/src/bin/wal_append.rs`). So the image of
//! a segment that has become a block goes back to [`crate::budget`], which keeps it as long as
//! nobody else needs the memory. A buffer that a query still reads is not waited for: it is freed
//! when the query ends.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use stringendo_wal::AlignedBuf;
use uuid::Uuid;

/// Buffers that nobody uses, by capacity.
#[derive(Default)]
pub struct Spare {
    by_capacity: BTreeMap<usize, Vec<AlignedBuf>>,
    bytes: u64,
}

impl Spare {
    /// Memory held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Keeps a buffer.
    pub fn put(&mut self, buf: AlignedBuf) {
        self.bytes += buf.capacity() as u64;
        self.by_capacity.entry(buf.capacity()).or_default().push(buf);
    }

    /// The smallest buffer with room for `bytes`; none that is more than twice too large, since a
    /// group's memory stays with the image whether used or not.
    pub fn take(&mut self, bytes: usize) -> Option<AlignedBuf> {
        let (&capacity, _) = self.by_capacity.range(bytes..=bytes.saturating_mul(2)).next()?;
        self.pop(capacity)
    }

    /// Frees buffers, small ones first, until no more than `bytes_max` are held.
    pub fn shrink_to(&mut self, bytes_max: u64) {
        while self.bytes > bytes_max {
            let Some((&capacity, _)) = self.by_capacity.first_key_value() else { return };
            drop(self.pop(capacity));
        }
    }

    fn pop(&mut self, capacity: usize) -> Option<AlignedBuf> {
        let bufs = self.by_capacity.get_mut(&capacity)?;
        let buf = bufs.pop();
        if bufs.is_empty() {
            self.by_capacity.remove(&capacity);
        }
        self.bytes -= buf.as_ref().map_or(0, |buf| buf.capacity() as u64);
        buf
    }
}

impl std::fmt::Debug for Spare {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Spare({} bytes)", self.bytes)
    }
}

/// The buffers behind the images of live segments.
#[derive(Default)]
pub struct Images {
    by_segment: HashMap<Uuid, Vec<Arc<AlignedBuf>>>,
}

impl Images {
    /// Remembers a group's memory.
    pub fn add(&mut self, segment: Uuid, pages: Arc<AlignedBuf>) {
        self.by_segment.entry(segment).or_default().push(pages);
    }

    /// The memory of a segment that was dropped, as far as nobody else holds it.
    pub fn take_back(&mut self, segment: &Uuid) -> impl Iterator<Item = AlignedBuf> + use<> {
        let image = self.by_segment.remove(segment).unwrap_or_default();
        image.into_iter().filter_map(Arc::into_inner)
    }
}

#[cfg(test)]
#[path = "spare_tests.rs"]
mod tests;
