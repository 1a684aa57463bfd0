//! From what was gathered to the object, in steps of about a millisecond.

use bytes::Bytes;
use uuid::Uuid;

use super::directory::{Chunk, Directory, PART_RAW_BYTES_MAX, Packed, Part};
use super::gather::Gathered;
use super::split::SplitFilter;
use super::{Place, fuse, listing};
use crate::tags::TagScope;

/// Keys that were left out and are listed; with more, every value may be there.
const LEFT_OUT_MAX: usize = 1 << 16;
/// Lists of values are packed together up to so many bytes.
const CHUNK_BYTES: usize = 32 << 10;
/// Entries that are spread in a step.
const STEP_ENTRIES: usize = 1 << 16;

/// What is done next.
enum Stage {
    /// A shard over ids: they come first, so that those of an ordinary block are read along with
    /// the directory.
    Ids(usize),
    /// Spreading the entries of keys: place and number of the next key.
    Keys(usize, usize),
    Names,
    /// A chunk of values: place and number of the next key, in order.
    Values(usize, usize),
    Done,
}

/// The object being put together.
pub struct Assembly {
    block_id: Uuid,
    gathered: Gathered,
    stage: Stage,
    entries: SplitFilter,
    /// Entries of ids, by shard.
    ids: Vec<Vec<u64>>,
    /// Numbers of the keys of the present place, in order of the keys.
    order: Vec<u32>,
    directory: Directory,
    /// All parts.
    body: Vec<u8>,
}

impl Assembly {
    /// Begins.
    pub fn new(mut gathered: Gathered, block_id: Uuid) -> Self {
        gathered.end_row_group();
        let notes = gathered.places.iter().flat_map(|keys| &keys.notes);
        let entries = notes.map(|notes| 1 + notes.entries_at_most()).sum();
        let mut ids = vec![Vec::new(); fuse::shards_for(gathered.ids.len()) as usize];
        fuse::spread(&std::mem::take(&mut gathered.ids), &mut ids);
        Self {
            block_id,
            stage: Stage::Ids(0),
            entries: SplitFilter::for_entries(entries),
            ids,
            order: Vec::new(),
            directory: Directory::default(),
            body: Vec::new(),
            gathered,
        }
    }

    /// Does some work; `Some` when all is done.
    pub fn step(&mut self) -> Option<Bytes> {
        self.stage = match self.stage {
            Stage::Ids(shard) => self.ids_shard(shard),
            Stage::Keys(place, number) => self.keys(place, number),
            Stage::Names => self.names(),
            Stage::Values(place, number) => self.values(place, number),
            Stage::Done => return Some(self.finish()),
        };
        None
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let ids: usize = self.ids.iter().map(|list| list.capacity() * 8).sum();
        let entries = self.entries.memory_bytes();
        self.gathered.memory_bytes() + self.body.capacity() + entries + ids
    }

    fn keys(&mut self, place: usize, from: usize) -> Stage {
        let Some(keys) = self.gathered.places.get_mut(place) else { return self.end_of_keys() };
        let (mut spread, mut number) = (0, from);
        while let Some(notes) = keys.notes.get_mut(number)
            && spread < STEP_ENTRIES
        {
            if notes.is_present {
                self.entries.add(notes.hash.present());
            }
            if notes.left_out {
                self.directory.left_out.push(notes.hash);
            } else {
                notes.all_entries().for_each(|entry| self.entries.add(entry));
                spread += notes.entries_at_most();
                notes.entries = Vec::new();
            }
            spread += 1;
            number += 1;
        }
        match number < keys.notes.len() {
            true => Stage::Keys(place, number),
            false => Stage::Keys(place + 1, 0),
        }
    }

    fn end_of_keys(&mut self) -> Stage {
        self.directory.left_out.sort_unstable();
        if self.gathered.has_other_keys || self.directory.left_out.len() > LEFT_OUT_MAX {
            self.directory.left_out.clear();
            return Stage::Names;
        }
        let entries = std::mem::take(&mut self.entries);
        self.directory.entries = entries.pages().map(|page| self.add(page)).collect();
        Stage::Names
    }

    fn add(&mut self, bytes: &[u8]) -> Part {
        let part = Part::of(bytes, self.body.len() as u32);
        self.body.extend_from_slice(bytes);
        part
    }

    fn pack(&mut self, raw: &[u8]) -> Option<Packed> {
        let raw_bytes = u32::try_from(raw.len()).ok().filter(|len| *len <= PART_RAW_BYTES_MAX)?;
        let packed = snap::raw::Encoder::new().compress_vec(raw).ok()?;
        Some(Packed { part: self.add(&packed), raw_bytes })
    }

    fn ids_shard(&mut self, shard: usize) -> Stage {
        let Some(ids) = self.ids.get_mut(shard) else { return Stage::Keys(0, 0) };
        let filter = fuse::build(std::mem::take(ids));
        let part = self.add(&filter);
        self.directory.ids.push(part);
        Stage::Ids(shard + 1)
    }

    fn names(&mut self) -> Stage {
        if self.gathered.has_other_keys {
            // Nobody could tell a key without values from one that was not noted.
            return Stage::Done;
        }
        let mut raw = Vec::new();
        for scope in TagScope::ALL {
            let place = Place::of_scope(scope) as usize;
            let keys = &self.gathered.places[place];
            let order = self.gathered.order_of(place);
            let present = order.iter().filter(|number| keys.notes[**number as usize].is_present);
            let names: Vec<_> = present.map(|number| keys.names.get(*number)).collect();
            listing::put_texts(&mut raw, names.len(), names.into_iter());
        }
        self.directory.names = self.pack(&raw);
        self.order = self.gathered.order_of(0);
        Stage::Values(0, 0)
    }

    fn values(&mut self, place: usize, from: usize) -> Stage {
        let Some(at) = Place::ALL.get(place) else { return Stage::Done };
        let keys = &self.gathered.places[place];
        let (mut raw, mut number, mut first) = (Vec::new(), from, None);
        while let Some(key) = self.order.get(number)
            && raw.len() < CHUNK_BYTES
        {
            let (name, notes) = (keys.names.get(*key), &keys.notes[*key as usize]);
            if !notes.unlisted {
                first.get_or_insert((*at, Box::from(name)));
                listing::put_values(&mut raw, *at, name, &notes.values());
            }
            number += 1;
        }
        if let Some(first) = first
            && let Some(packed) = self.pack(&raw)
        {
            self.directory.chunks.push(Chunk { packed, first });
        }
        if number < self.order.len() {
            return Stage::Values(place, number);
        }
        if place + 1 < Place::ALL.len() {
            self.order = self.gathered.order_of(place + 1);
        }
        Stage::Values(place + 1, 0)
    }

    fn finish(&mut self) -> Bytes {
        self.directory.shift(self.directory.encoded_bytes() as u32);
        let front = self.directory.encode(&self.block_id).unwrap_or_else(|| {
            // Too much for the directory: an object that says that nothing is known.
            self.body.clear();
            Directory::default().encode(&self.block_id).unwrap_or_default()
        });
        let body = std::mem::take(&mut self.body);
        [front, body].concat().into()
    }
}

impl Gathered {
    /// Numbers of the keys of a place, in order of the keys.
    fn order_of(&self, place: usize) -> Vec<u32> {
        let names = &self.places[place].names;
        let mut order: Vec<u32> = (0..names.len() as u32).collect();
        order.sort_unstable_by_key(|number| names.get(*number));
        order
    }
}
