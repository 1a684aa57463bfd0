//! The front of the object: what is in it, where, and with which checksum.

use std::ops::Range;

use bytes::Bytes;
use uuid::Uuid;

use super::fuse::{self, FuseShard};
use super::hash::KeyHash;
use super::split;
use super::{Damaged, Place};
use crate::id_filter::IdFilter;

const MAGIC: &[u8; 8] = b"StrndFlt";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 48;
const CHECKSUM_BYTES: usize = 4;
/// Bytes to fetch first: mostly the whole directory, and in a small object all of it.
pub const FIRST_BYTES: u64 = 16 << 10;
/// Larger ones are not written: they belong to no more than 10⁹ traces.
const DIRECTORY_BYTES_MAX: u32 = 16 << 20;
/// Largest part before compression.
pub const PART_RAW_BYTES_MAX: u32 = 64 << 20;

/// A part of the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Part {
    offset: u32,
    bytes: u32,
    checksum: u32,
}

impl Part {
    /// The part with these bytes, which are to stand at `offset`.
    pub(super) fn of(bytes: &[u8], offset: u32) -> Self {
        Self { offset, bytes: bytes.len() as u32, checksum: crc32fast::hash(bytes) }
    }

    /// The CRC-32 of its bytes.
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Where it is in the object.
    pub fn range(&self) -> Range<u64> {
        u64::from(self.offset)..u64::from(self.offset) + u64::from(self.bytes)
    }

    /// The same bytes, if they are those that were written.
    ///
    /// # Errors
    /// They are not.
    pub fn check(&self, bytes: Bytes) -> Result<Bytes, Damaged> {
        let is_whole = bytes.len() == self.bytes as usize;
        match is_whole && crc32fast::hash(&bytes) == self.checksum {
            true => Ok(bytes),
            false => Err(Damaged("a part has another checksum")),
        }
    }

    /// The part as a shard of a fuse filter.
    ///
    /// # Errors
    /// These are not its bytes.
    pub fn shard(&self, bytes: Bytes) -> Result<FuseShard, Damaged> {
        FuseShard::decode(&self.check(bytes)?)
    }
}

/// A part that is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Where it is.
    pub part: Part,
    pub(super) raw_bytes: u32,
}

impl Packed {
    /// Memory that unpacking takes, beside the packed bytes.
    pub fn raw_bytes(&self) -> u64 {
        u64::from(self.raw_bytes)
    }

    /// What was packed.
    ///
    /// # Errors
    /// These are not its bytes.
    pub fn unpack(&self, bytes: Bytes) -> Result<Vec<u8>, Damaged> {
        let bytes = self.part.check(bytes)?;
        if snap::raw::decompress_len(&bytes) != Ok(self.raw_bytes as usize) {
            return Err(Damaged("a part has another length"));
        }
        let raw = snap::raw::Decoder::new().decompress_vec(&bytes);
        raw.map_err(|_| Damaged("a part does not decompress"))
    }
}

/// Values of some keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where they are.
    pub packed: Packed,
    /// The first of the keys, with its place.
    pub first: (Place, Box<[u8]>),
}

/// What is in the object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// Shards of the filter over trace ids; none: nothing is known.
    pub(super) ids: Vec<Part>,
    /// Pages of the filter over keys and values; none: nothing is known.
    pub(super) entries: Vec<Part>,
    /// Keys whose values the filter does not have, in order.
    pub(super) left_out: Vec<KeyHash>,
    /// All keys of attributes; `None`: nothing is known.
    pub names: Option<Packed>,
    /// Values, in order of places and keys.
    pub(super) chunks: Vec<Chunk>,
}

/// A question to the filter over keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The entry that is looked for.
    pub entry: u64,
    /// The key whose values it is among; `None` for the entry of a key itself.
    pub value_of: Option<KeyHash>,
}

impl Directory {
    /// How many bytes the directory of this object has, of which the first were fetched.
    ///
    /// # Errors
    /// It is no such object, or of another version or block.
    pub fn bytes(first: &[u8], block_id: &Uuid) -> Result<u64, Damaged> {
        let Some(header) = first.first_chunk::<HEADER_BYTES>() else {
            return Err(Damaged("cut off"));
        };
        let mut fields = Fields(header);
        if fields.take(MAGIC.len())? != MAGIC {
            return Err(Damaged("other magic bytes"));
        }
        if fields.u16()? != VERSION {
            return Err(Damaged("another version"));
        }
        fields.u16()?;
        let bytes = fields.u32()?;
        if fields.take(16)? != block_id.as_bytes() {
            return Err(Damaged("of another block"));
        }
        match (HEADER_BYTES as u32 + CHECKSUM_BYTES as u32..=DIRECTORY_BYTES_MAX).contains(&bytes) {
            true => Ok(u64::from(bytes)),
            false => Err(Damaged("a directory of impossible length")),
        }
    }

    /// Reads the directory from the front of the object.
    ///
    /// # Errors
    /// As [`Directory::bytes`]; or it is damaged.
    pub fn decode(front: &[u8], block_id: &Uuid) -> Result<Self, Damaged> {
        let bytes = Self::bytes(front, block_id)? as usize;
        let checked = front.get(..bytes).and_then(|all| all.split_last_chunk::<CHECKSUM_BYTES>());
        let Some((body, checksum)) = checked else { return Err(Damaged("cut off")) };
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
            return Err(Damaged("the directory has another checksum"));
        }
        let mut fields = Fields(&body[HEADER_BYTES - 16..]);
        let counts = [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        let [entries, ids, left_out, chunks] = counts.map(|count| count as usize);
        let names = fields.packed()?;
        let directory = Self {
            names: (names != Packed::default()).then_some(names),
            entries: fields.many(entries, Fields::part)?,
            ids: fields.many(ids, Fields::part)?,
            left_out: fields.many(left_out, |fields| fields.u64().map(KeyHash))?,
            chunks: fields.many(chunks, Fields::chunk)?,
        };
        match fields.0.is_empty() {
            true => Ok(directory),
            false => Err(Damaged("a directory with more than it says")),
        }
    }

    /// The directory's bytes, and what its parts must be moved by to stand behind it: their offsets
    /// are counted from the end of the directory.
    pub(super) fn encode(&self, block_id: &Uuid) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&u32::try_from(self.encoded_bytes()).ok()?.to_le_bytes());
        out.extend_from_slice(block_id.as_bytes());
        let lists = [self.entries.len(), self.ids.len(), self.left_out.len(), self.chunks.len()];
        for count in lists {
            out.extend_from_slice(&u32::try_from(count).ok()?.to_le_bytes());
        }
        put_packed(&mut out, &self.names.unwrap_or_default());
        self.entries.iter().chain(&self.ids).for_each(|part| put_part(&mut out, part));
        self.left_out.iter().for_each(|key| out.extend_from_slice(&key.0.to_le_bytes()));
        for chunk in &self.chunks {
            put_packed(&mut out, &chunk.packed);
            out.push(chunk.first.0 as u8);
            out.extend_from_slice(&(chunk.first.1.len() as u32).to_le_bytes());
            out.extend_from_slice(&chunk.first.1);
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        (out.len() <= DIRECTORY_BYTES_MAX as usize).then_some(out)
    }

    pub(super) fn encoded_bytes(&self) -> usize {
        const PART: usize = 12;
        const PACKED: usize = PART + 4;
        let parts = (self.entries.len() + self.ids.len()) * PART + self.left_out.len() * 8;
        let chunks = self.chunks.iter().map(|chunk| PACKED + 5 + chunk.first.1.len());
        HEADER_BYTES + PACKED + parts + chunks.sum::<usize>() + CHECKSUM_BYTES
    }

    /// Moves all parts.
    pub(super) fn shift(&mut self, by: u32) {
        let chunks = self.chunks.iter_mut().map(|chunk| &mut chunk.packed.part);
        let names = self.names.iter_mut().map(|names| &mut names.part);
        let shards = self.entries.iter_mut().chain(&mut self.ids);
        shards.chain(chunks).chain(names).for_each(|part| part.offset += by);
    }

    /// All parts of the object.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        let chunks = self.chunks.iter().map(|chunk| &chunk.packed.part);
        let names = self.names.iter().map(|names| &names.part);
        self.entries.iter().chain(&self.ids).chain(chunks).chain(names)
    }

    /// The page to ask. `None`: it may be there, whatever a page says.
    pub fn page_for(&self, probe: &Probe) -> Option<Part> {
        if probe.value_of.is_some_and(|key| self.left_out.binary_search(&key).is_ok()) {
            return None;
        }
        let number = split::page_of(probe.entry, self.blocks()?);
        self.entries.get(number).copied()
    }

    /// Whether the block may hold it, by the bytes of [`Directory::page_for`], which were checked;
    /// `false` is certain.
    pub fn may_hold(&self, probe: &Probe, page: &[u8]) -> bool {
        self.blocks().is_none_or(|blocks| split::may_hold(probe.entry, blocks, page))
    }

    /// Blocks of all pages.
    fn blocks(&self) -> Option<u64> {
        split::blocks_in(self.entries.iter().map(|part| u64::from(part.bytes)).sum())
    }

    /// The shard of the filter over trace ids to ask about an entry
    /// ([`crate::id_filter::entry`]). `None`: nothing is known.
    pub fn ids_shard_for(&self, entry: u64) -> Option<Part> {
        let number = fuse::shard_of(entry, self.ids.len() as u32);
        self.ids.get(number).copied()
    }

    /// Those shards of the filter over trace ids that are whole in the front of the object, with
    /// their bytes. Damaged ones are left out.
    pub fn ids_shards_in(&self, front: &Bytes) -> impl Iterator<Item = (Part, Bytes)> {
        self.ids.iter().filter_map(|part| {
            let range = part.range().start as usize..part.range().end as usize;
            let bytes = front.get(range)?;
            // A copy: the front is not kept.
            Some((*part, part.check(Bytes::copy_from_slice(bytes)).ok()?))
        })
    }

    /// Where the filter over trace ids is, if it is there.
    pub fn ids_range(&self) -> Option<Range<u64>> {
        Some(self.ids.first()?.range().start..self.ids.last()?.range().end)
    }

    /// The filter over trace ids, from the bytes at [`Directory::ids_range`].
    ///
    /// # Errors
    /// They are not its bytes.
    pub fn ids_of(&self, bytes: &Bytes) -> Result<IdFilter, Damaged> {
        let start = self.ids_range().map_or(0, |all| all.start);
        let shard = |part: &Part| {
            let at = part.range().start.checked_sub(start).map(|at| at as usize);
            let at = at.map(|at| at..at + part.bytes as usize);
            let at = at.filter(|at| at.end <= bytes.len()).ok_or(Damaged("cut off"))?;
            part.shard(bytes.slice(at))
        };
        self.ids.iter().map(shard).collect::<Result<_, _>>().map(IdFilter::of_shards)
    }

    /// The chunk that has the values of a key, if the summary has them.
    pub fn chunk_of(&self, place: Place, key: &[u8]) -> Option<&Chunk> {
        let behind = self
            .chunks
            .partition_point(|chunk| (chunk.first.0, chunk.first.1.as_ref()) <= (place, key));
        self.chunks.get(behind.checked_sub(1)?)
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.encoded_bytes() + self.chunks.len() * size_of::<Chunk>()
    }
}

fn put_part(out: &mut Vec<u8>, part: &Part) {
    for number in [part.offset, part.bytes, part.checksum] {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn put_packed(out: &mut Vec<u8>, packed: &Packed) {
    put_part(out, &packed.part);
    out.extend_from_slice(&packed.raw_bytes.to_le_bytes());
}

/// Fields one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(Damaged("cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        self.take(N).map(|bytes| bytes.first_chunk().copied().unwrap_or([0; N]))
    }

    fn u16(&mut self) -> Result<u16, Damaged> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Damaged> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Damaged> {
        self.array().map(u64::from_le_bytes)
    }

    /// No more than there can be.
    fn many<T>(
        &mut self,
        count: usize,
        one: impl Fn(&mut Self) -> Result<T, Damaged>,
    ) -> Result<Vec<T>, Damaged> {
        if count > self.0.len() {
            return Err(Damaged("more entries than bytes"));
        }
        (0..count).map(|_| one(self)).collect()
    }

    fn part(&mut self) -> Result<Part, Damaged> {
        Ok(Part { offset: self.u32()?, bytes: self.u32()?, checksum: self.u32()? })
    }

    fn packed(&mut self) -> Result<Packed, Damaged> {
        let packed = Packed { part: self.part()?, raw_bytes: self.u32()? };
        match packed.raw_bytes <= PART_RAW_BYTES_MAX {
            true => Ok(packed),
            false => Err(Damaged("a part of impossible length")),
        }
    }

    fn chunk(&mut self) -> Result<Chunk, Damaged> {
        let packed = self.packed()?;
        let place = usize::from(self.array::<1>()?[0]);
        let place = *Place::ALL.get(place).ok_or(Damaged("an unknown place"))?;
        let key_bytes = self.u32()? as usize;
        Ok(Chunk { packed, first: (place, self.take(key_bytes)?.into()) })
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
