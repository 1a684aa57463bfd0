//! What a block holds, gathered for its filters: trace ids, keys, and the distinct values of each
//! key. Within limits: what there is too much of is left out, and then may be there.
//!
//! From: the encoder, which hands over a row group's distinct values; or whoever reads a block that
//! has no filters. To: [`super::assemble`].

use super::directory::Probe;
use super::hash::{KeyHash, Place};
use crate::encode::dictionary::Dictionary;
use crate::id_filter;
use crate::tags::TagValues;

/// Distinct strings of a key that the filter takes; it has none of a key with more.
pub const KEY_STRINGS_MAX: usize = 1 << 18;
/// Distinct numbers of one type of a key that filter and summary take.
pub const KEY_NUMBERS_MAX: usize = 1 << 12;
/// Entries of the filter. Beyond, the keys with the most values are left out.
pub const ENTRIES_MAX: usize = 1 << 20;
/// Bytes of all values in the summary at least, and at most.
pub const LISTED_BYTES: std::ops::RangeInclusive<usize> = 32 << 10..=4 << 20;
/// Keys of a place. In a block with more, every key may be there.
pub const KEYS_MAX: usize = 1 << 19;

/// A key of a [`Gathered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyNumber {
    place: u8,
    number: u32,
}

impl KeyNumber {
    /// A number that no other key of its place has.
    pub fn number(self) -> u32 {
        self.number
    }
}

/// What was gathered of a block.
pub struct Gathered {
    /// Bytes of all values in the summary. Beyond, the keys with the most are left out.
    listed_bytes_max: usize,
    pub(super) ids: Vec<u64>,
    pub(super) places: [Keys; Place::ALL.len()],
    /// Some keys could not be noted.
    pub(super) has_other_keys: bool,
}

/// The keys of a place.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) names: Dictionary,
    pub(super) notes: Vec<Notes>,
}

/// What was seen of a key.
pub(super) struct Notes {
    pub(super) hash: KeyHash,
    /// It is the key of an attribute that some span, resource … has.
    pub(super) is_present: bool,
    /// The filter has none of its values.
    pub(super) left_out: bool,
    /// The summary has none of its values.
    pub(super) unlisted: bool,
    /// Entries of its strings.
    pub(super) entries: Vec<u64>,
    /// So many of them were distinct when a row group ended.
    distinct_entries: usize,
    /// Its strings, one after the other, and where each ends.
    pub(super) texts: Vec<u8>,
    pub(super) text_ends: Vec<u32>,
    pub(super) ints: Vec<i64>,
    /// By their bits.
    pub(super) floats: Vec<u64>,
    pub(super) bools: [bool; 2],
}

impl Default for Gathered {
    fn default() -> Self {
        Self {
            listed_bytes_max: *LISTED_BYTES.end(),
            ids: Vec::new(),
            places: Default::default(),
            has_other_keys: false,
        }
    }
}

impl Gathered {
    /// Limits the summary to what is in proportion to the block.
    pub fn limit_listed(&mut self, bytes: usize) {
        self.listed_bytes_max = bytes.clamp(*LISTED_BYTES.start(), *LISTED_BYTES.end());
    }

    /// Notes a trace.
    pub fn id(&mut self, id: &stringendo_proto::TraceId) {
        self.ids.push(id_filter::entry(id));
    }

    /// The number of a key; `None` if there are too many.
    pub fn key(&mut self, place: Place, key: &[u8]) -> Option<KeyNumber> {
        let keys = &mut self.places[place as usize];
        if keys.notes.len() >= KEYS_MAX && keys.names.find(key).is_none() {
            self.has_other_keys = true;
            return None;
        }
        let number = keys.names.intern(key);
        if number as usize == keys.notes.len() {
            keys.notes.push(Notes::new(KeyHash::of(place, key)));
        }
        Some(KeyNumber { place: place as u8, number })
    }

    /// Notes that there is an attribute of this key.
    pub fn present(&mut self, key: KeyNumber) {
        self.notes(key).is_present = true;
    }

    /// Notes a string.
    pub fn string(&mut self, key: KeyNumber, text: &[u8]) {
        let listed_bytes_max = self.listed_bytes_max;
        self.notes(key).string(text, listed_bytes_max);
    }

    /// Notes an integer.
    pub fn int(&mut self, key: KeyNumber, value: i64) {
        let notes = self.notes(key);
        if notes.wants_numbers() {
            notes.ints.push(value);
            notes.limit_numbers();
        }
    }

    /// Notes a double.
    pub fn float(&mut self, key: KeyNumber, value: f64) {
        let notes = self.notes(key);
        if notes.wants_numbers() {
            notes.floats.push(value.to_bits());
            notes.limit_numbers();
        }
    }

    /// Notes a boolean.
    pub fn bool(&mut self, key: KeyNumber, value: bool) {
        self.notes(key).bools[usize::from(value)] = true;
    }

    /// Notes that the key has values that are not noted.
    pub fn leave_out(&mut self, key: KeyNumber) {
        let notes = self.notes(key);
        notes.leave_out();
        notes.unlist();
    }

    fn notes(&mut self, key: KeyNumber) -> &mut Notes {
        &mut self.places[usize::from(key.place)].notes[key.number as usize]
    }

    /// A row group ends: what comes again from now on was there before. Leaves out the keys with
    /// the most values, if there is too much in all.
    pub fn end_row_group(&mut self) {
        let listed_bytes_max = self.listed_bytes_max;
        let mut all: Vec<&mut Notes> = self.all_notes().collect();
        all.iter_mut().for_each(|notes| notes.end_row_group());
        shed(&mut all, ENTRIES_MAX, Notes::entries_at_most, Notes::leave_out);
        shed(&mut all, listed_bytes_max, Notes::listed_bytes, Notes::unlist);
    }

    /// What the filter over keys and values of this block must not deny. To be called after the end
    /// of a row group.
    pub fn probes(&self) -> impl Iterator<Item = Probe> {
        let all = self.places.iter().flat_map(|keys| &keys.notes);
        all.flat_map(|notes| {
            let key = Probe { entry: notes.hash.present(), value_of: None };
            let values = notes.all_entries().filter(|_| !notes.left_out);
            let value_of = Some(notes.hash);
            let values = values.map(move |entry| Probe { entry, value_of });
            notes.is_present.then_some(key).into_iter().chain(values)
        })
    }

    fn all_notes(&mut self) -> impl Iterator<Item = &mut Notes> {
        self.places.iter_mut().flat_map(|keys| &mut keys.notes)
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let notes = self.places.iter().flat_map(|keys| &keys.notes);
        let notes: usize = notes.map(Notes::memory_bytes).sum();
        let names: usize = self.places.iter().map(|keys| keys.names.memory_bytes()).sum();
        self.ids.capacity() * 8 + names + notes
    }
}

/// Gives up the largest until the total fits.
fn shed(all: &mut [&mut Notes], max: usize, size: fn(&Notes) -> usize, give_up: fn(&mut Notes)) {
    let mut total: usize = all.iter().map(|notes| size(notes)).sum();
    if total <= max {
        return;
    }
    all.sort_by_key(|notes| std::cmp::Reverse(size(notes)));
    for notes in all {
        if total <= max {
            break;
        }
        total -= size(notes);
        give_up(notes);
    }
}

impl Notes {
    fn new(hash: KeyHash) -> Self {
        Self {
            hash,
            is_present: false,
            left_out: false,
            unlisted: false,
            entries: Vec::new(),
            distinct_entries: 0,
            texts: Vec::new(),
            text_ends: Vec::new(),
            ints: Vec::new(),
            floats: Vec::new(),
            bools: [false; 2],
        }
    }

    fn string(&mut self, text: &[u8], listed_bytes_max: usize) {
        if !self.left_out {
            self.entries.push(self.hash.string(text));
            if self.entries.len() > KEY_STRINGS_MAX && !fits(&mut self.entries, KEY_STRINGS_MAX) {
                self.leave_out();
            }
        }
        if !self.unlisted {
            self.texts.extend_from_slice(text);
            self.text_ends.push(self.texts.len() as u32);
            if self.texts.len() > listed_bytes_max {
                self.limit_texts(listed_bytes_max);
            }
        }
    }

    fn end_row_group(&mut self) {
        let before = self.distinct_entries;
        // Those of the first row group are distinct.
        if before == 0 {
            self.distinct_entries = self.entries.len();
        } else if self.entries.len() > before + before / 2 {
            sort_distinct(&mut self.entries);
            self.distinct_entries = self.entries.len();
        }
    }

    /// Duplicates go first.
    fn limit_texts(&mut self, bytes_max: usize) {
        let distinct = self.strings();
        if distinct.text_bytes() > bytes_max / 4 * 3 {
            return self.unlist();
        }
        (self.texts, self.text_ends) = distinct.into_parts();
    }

    fn limit_numbers(&mut self) {
        let fit = (self.ints.len() <= KEY_NUMBERS_MAX || fits(&mut self.ints, KEY_NUMBERS_MAX))
            && (self.floats.len() <= KEY_NUMBERS_MAX || fits(&mut self.floats, KEY_NUMBERS_MAX));
        if !fit {
            self.leave_out();
            self.unlist();
        }
    }

    fn wants_numbers(&self) -> bool {
        !self.left_out || !self.unlisted
    }

    fn leave_out(&mut self) {
        self.left_out = true;
        self.entries = Vec::new();
        if self.unlisted {
            (self.ints, self.floats) = (Vec::new(), Vec::new());
        }
    }

    fn unlist(&mut self) {
        self.unlisted = true;
        (self.texts, self.text_ends) = (Vec::new(), Vec::new());
        if self.left_out {
            (self.ints, self.floats) = (Vec::new(), Vec::new());
        }
    }

    /// Its distinct strings.
    fn strings(&self) -> crate::tags::Texts {
        crate::tags::Texts::of_parts(&self.texts, &self.text_ends)
    }

    /// Entries of its values, those that come twice counted twice.
    pub(super) fn entries_at_most(&self) -> usize {
        if self.left_out { 0 } else { self.entries.len() + self.ints.len() + self.floats.len() + 2 }
    }

    fn listed_bytes(&self) -> usize {
        if self.unlisted { 0 } else { self.texts.len() + 8 * (self.ints.len() + self.floats.len()) }
    }

    /// All its entries but that of the key itself.
    pub(super) fn all_entries(&self) -> impl Iterator<Item = u64> {
        let (hash, bools) = (self.hash, self.bools);
        let ints = self.ints.iter().map(move |value| hash.int(*value));
        let floats = self.floats.iter().map(move |bits| hash.number(f64::from_bits(*bits)));
        let bools = [false, true].into_iter().filter(move |value| bools[usize::from(*value)]);
        let bools = bools.map(move |value| hash.bool(value));
        self.entries.iter().copied().chain(ints).chain(floats).chain(bools)
    }

    /// Its distinct values, in order.
    pub(super) fn values(&self) -> TagValues {
        let (mut ints, mut floats) = (self.ints.clone(), self.floats.clone());
        sort_distinct(&mut ints);
        sort_distinct(&mut floats);
        let mut floats: Vec<f64> = floats.into_iter().map(f64::from_bits).collect();
        floats.sort_by(f64::total_cmp);
        let bools = [false, true].into_iter().filter(|value| self.bools[usize::from(*value)]);
        TagValues {
            strings: self.strings(),
            ints,
            floats,
            bools: bools.collect(),
            durations: Vec::new(),
        }
    }

    fn memory_bytes(&self) -> usize {
        let numbers = self.entries.capacity() + self.ints.capacity() + self.floats.capacity();
        size_of::<Self>() + numbers * 8 + self.texts.capacity() + self.text_ends.capacity() * 4
    }
}

/// Whether a list is well below `max` without its duplicates, which it then is rid of. (A list that
/// only just fits would be looked through again and again.)
fn fits<T: Ord>(list: &mut Vec<T>, max: usize) -> bool {
    sort_distinct(list);
    list.len() <= max / 4 * 3
}

fn sort_distinct<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
