//! Fills the placeholders of an encoded batch for one send: ids of this sequence, times of now.
//!
//! One list per kind of place, so that each loop does one thing without branches; this is what a
//! send costs beside the socket. [`Patches::apply`] overwrites every place, so a buffer that was
//! sent before can be patched again without copying the template.

use crate::ids;
use crate::scan::Place;
use crate::workload::TIME_ORIGIN_NS;

/// What one send fills in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// What ids are derived from, with the sequence number.
    pub run_id: u64,
    /// Sequence number of the trace in slot 0 of the group; others follow.
    pub sequence: u64,
    /// What "now" is, nanoseconds since the Unix epoch.
    pub base_unix_ns: u64,
}

/// All places of one batch, in the order of the wire within each list.
#[derive(Clone, Debug, Default)]
pub struct Patches {
    /// Slots that occur in this batch; places name their position in this list.
    slots: Vec<u32>,
    traces: Vec<(u32, u32)>,
    spans: Vec<(u32, u32, u32)>,
    times: Vec<(u32, i64)>,
    hex: Vec<(u32, u32, u32)>,
}

impl Patches {
    /// Takes note of a place at `offset`.
    pub fn add(&mut self, offset: usize, place: Place) {
        let offset = offset as u32;
        match place {
            Place::TraceId { slot } => {
                let local = self.local(slot);
                self.traces.push((offset, local));
            }
            Place::SpanId { slot, index } => {
                let local = self.local(slot);
                self.spans.push((offset, local, index));
            }
            Place::Time { placeholder_ns } => {
                self.times.push((offset, placeholder_ns.wrapping_sub(TIME_ORIGIN_NS) as i64));
            }
            Place::Hex { slot, index } => {
                let local = self.local(slot);
                self.hex.push((offset, local, index));
            }
        }
    }

    /// The slots that occur, in the order in which they were found.
    pub fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// How many places there are.
    pub fn len(&self) -> usize {
        self.traces.len() + self.spans.len() + self.times.len() + self.hex.len()
    }

    /// Whether there is nothing to fill.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn local(&mut self, slot: u32) -> u32 {
        // Batches hold some dozens to hundreds of traces, and this runs when templates are built.
        let known = self.slots.iter().rposition(|known| *known == slot);
        known.unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        }) as u32
    }

    /// Fills every place of `batch`. `ids` is scratch memory, reused between sends.
    pub fn apply(&self, fill: &Fill, batch: &mut [u8], ids: &mut Vec<([u8; 16], u64)>) {
        ids.clear();
        ids.extend(self.slots.iter().map(|slot| {
            let id = ids::trace_id(fill.run_id, fill.sequence + u64::from(*slot));
            (id.0, ids::trace_key(&id))
        }));
        for (offset, local) in &self.traces {
            put(batch, *offset, &ids[*local as usize].0);
        }
        for (offset, local, index) in &self.spans {
            put(batch, *offset, &ids::span_id(ids[*local as usize].1, *index).0);
        }
        for (offset, delta_ns) in &self.times {
            let time = fill.base_unix_ns.wrapping_add_signed(*delta_ns);
            put(batch, *offset, &time.to_le_bytes());
        }
        for (offset, local, index) in &self.hex {
            put(batch, *offset, &ids::hex_digits(ids[*local as usize].1, *index));
        }
    }
}

#[inline]
fn put<const N: usize>(batch: &mut [u8], offset: u32, value: &[u8; N]) {
    let offset = offset as usize;
    batch[offset..offset + N].copy_from_slice(value);
}
