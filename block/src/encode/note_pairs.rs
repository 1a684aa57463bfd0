//! Notes the distinct pairs of key and value in a list of attributes, by their codes.

use std::ops::Range;

use hashbrown::HashSet;

use super::attributes::AttributePage;
use super::dedicated::DedicatedPage;
use super::numbers::NumberPage;
use crate::filters::gather::{Gathered, KEY_NUMBERS_MAX, KEY_STRINGS_MAX, KeyNumber};
use crate::filters::hash::Place;

/// Numbers without a code that came lately and need not be noted again.
const RECENT: usize = 1024;

/// Keys that came early, as most of a scope's do, have a bit each in [`Pairs::early`].
const EARLY_KEYS: u32 = u64::BITS;

/// Pairs of codes of keys and values in a row group.
#[derive(Default)]
struct Pairs {
    /// By code of a value: which early keys have it.
    early: Vec<u64>,
    /// By code of a value: one more than the code of the other key that had it last. Most values
    /// belong to one key alone.
    owners: Vec<u32>,
    /// Each pair once.
    pairs: Vec<(u32, u32)>,
    /// The pairs of values that several other keys have.
    shared: HashSet<(u32, u32), foldhash::fast::RandomState>,
    /// By code of a key: how many values it has.
    counts: Vec<u32>,
    /// Of a key with more, it does not matter which: they will be left out.
    key_values_max: usize,
}

impl Pairs {
    fn new(key_values_max: usize) -> Self {
        Self { key_values_max, ..Self::default() }
    }

    /// Notes the values of a page: for each its attribute and its code. `keys` are those of the
    /// attributes.
    fn page(&mut self, keys: &[u32], elements: &[u32], codes: &[u32], distinct: (usize, usize)) {
        let (keys_distinct, codes_distinct) = distinct;
        self.early.resize(codes_distinct, 0);
        self.counts.resize(keys_distinct, 0);
        for (element, code) in elements.iter().zip(codes) {
            let key = keys[*element as usize];
            if key >= EARLY_KEYS {
                self.late(key, *code);
            } else if self.early[*code as usize] >> key & 1 == 0 {
                self.early[*code as usize] |= 1 << key;
                self.note(key, *code);
            }
        }
    }

    fn late(&mut self, key: u32, code: u32) {
        self.owners.resize(self.early.len(), 0);
        let before = std::mem::replace(&mut self.owners[code as usize], key + 1);
        if before == key + 1 {
            return;
        }
        if before > 0 {
            self.shared.insert((before - 1, code));
            if !self.shared.insert((key, code)) {
                return;
            }
        }
        self.note(key, code);
    }

    /// A pair that there was not yet.
    fn note(&mut self, key: u32, code: u32) {
        let count = &mut self.counts[key as usize];
        if *count as usize <= self.key_values_max {
            *count += 1;
            self.pairs.push((key, code));
        }
    }

    /// Some of the pairs, and whether there are more.
    fn some(&self, at: &Range<usize>) -> (&[(u32, u32)], bool) {
        let end = at.end.min(self.pairs.len());
        (self.pairs.get(at.start..end).unwrap_or_default(), end < self.pairs.len())
    }

    fn memory_bytes(&self) -> usize {
        let small = self.owners.capacity() + self.counts.capacity();
        small * 4
            + self.early.capacity() * 8
            + self.pairs.capacity() * 8
            + self.shared.allocation_size()
    }
}

/// What is noted of a list of attributes in the present row group.
pub struct ScopeNotes {
    place: Place,
    strings: Pairs,
    ints: Pairs,
    doubles: Pairs,
    /// By code of a key.
    keys: Vec<Option<Option<KeyNumber>>>,
    recent: Vec<(u32, u64)>,
}

impl ScopeNotes {
    /// Nothing yet.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            strings: Pairs::new(KEY_STRINGS_MAX),
            ints: Pairs::new(KEY_NUMBERS_MAX),
            doubles: Pairs::new(KEY_NUMBERS_MAX),
            keys: Vec::new(),
            recent: Vec::new(),
        }
    }

    /// The row group has ended.
    pub fn clear(&mut self) {
        *self = Self::new(self.place);
    }

    /// Looks at the page under way.
    pub fn page(&mut self, page: &AttributePage<'_>, gathered: &mut Gathered) {
        let distinct = page.key_names.len();
        self.keys.resize(distinct, None);
        let (elements, codes) = page.strings;
        self.strings.page(page.keys, elements, codes, (distinct, page.texts.len()));
        let (elements, ints) = page.ints;
        self.ints.page(page.keys, elements, ints.codes, (distinct, ints.distinct()));
        self.plain(
            page,
            elements,
            ints.plain,
            |gathered, key, bits| {
                gathered.int(key, bits as i64);
            },
            gathered,
        );
        let (elements, doubles) = page.doubles;
        self.doubles.page(page.keys, elements, doubles.codes, (distinct, doubles.distinct()));
        self.plain(
            page,
            elements,
            doubles.plain,
            |gathered, key, bits| {
                gathered.float(key, f64::from_bits(bits));
            },
            gathered,
        );
        for (element, value) in page.bools.0.iter().zip(page.bools.1) {
            if let Some(key) = self.key(page.keys[*element as usize], page, gathered) {
                gathered.bool(key, *value);
            }
        }
    }

    /// Notes numbers without codes.
    fn plain(
        &mut self,
        page: &AttributePage<'_>,
        elements: &[u32],
        plain: &[u64],
        note: fn(&mut Gathered, KeyNumber, u64),
        gathered: &mut Gathered,
    ) {
        if plain.is_empty() {
            return;
        }
        self.forget_recent();
        for (element, bits) in elements.iter().zip(plain) {
            let code = page.keys[*element as usize];
            if self.is_new(code, *bits)
                && let Some(key) = self.key(code, page, gathered)
            {
                note(gathered, key, *bits);
            }
        }
    }

    fn forget_recent(&mut self) {
        self.recent.clear();
        self.recent.resize(RECENT, (u32::MAX, 0));
    }

    /// Whether the number did not come lately.
    fn is_new(&mut self, key: u32, bits: u64) -> bool {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let slot = (bits ^ u64::from(key) << 40).wrapping_mul(SPREAD) >> 54;
        let slot = &mut self.recent[slot as usize % RECENT];
        std::mem::replace(slot, (key, bits)) != (key, bits)
    }

    fn key(
        &mut self,
        code: u32,
        page: &AttributePage<'_>,
        gathered: &mut Gathered,
    ) -> Option<KeyNumber> {
        let place = self.place;
        *self.keys[code as usize]
            .get_or_insert_with(|| gathered.key(place, page.key_names.get(code)))
    }

    /// Looks at the page under way of an attribute with a column of its own, as far as no
    /// dictionary will tell.
    pub fn dedicated(&mut self, name: &[u8], page: &DedicatedPage<'_>, gathered: &mut Gathered) {
        match page {
            DedicatedPage::Blobs(count) if *count > 0 => {
                if let Some(key) = gathered.key(self.place, name) {
                    gathered.present(key);
                    gathered.leave_out(key);
                }
            }
            DedicatedPage::Ints(NumberPage { plain, .. }) if !plain.is_empty() => {
                let Some(key) = gathered.key(self.place, name) else { return };
                gathered.present(key);
                self.forget_recent();
                for bits in *plain {
                    if self.is_new(0, *bits) {
                        gathered.int(key, *bits as i64);
                    }
                }
            }
            _ => {}
        }
    }

    /// Gives some strings to their keys; whether there are more.
    pub fn take_strings(
        &mut self,
        at: Range<usize>,
        page: &AttributePage<'_>,
        gathered: &mut Gathered,
    ) -> bool {
        let pairs = std::mem::take(&mut self.strings);
        let (some, more) = pairs.some(&at);
        for (code, text) in some {
            if let Some(key) = self.key(*code, page, gathered) {
                gathered.string(key, page.texts.get(*text));
            }
        }
        self.strings = pairs;
        more
    }

    /// The same for integers.
    pub fn take_ints(
        &mut self,
        at: Range<usize>,
        page: &AttributePage<'_>,
        gathered: &mut Gathered,
    ) -> bool {
        let pairs = std::mem::take(&mut self.ints);
        let (some, more) = pairs.some(&at);
        for (code, number) in some {
            if let Some(key) = self.key(*code, page, gathered) {
                gathered.int(key, page.ints.1.bits(*number) as i64);
            }
        }
        self.ints = pairs;
        more
    }

    /// The same for doubles.
    pub fn take_doubles(
        &mut self,
        at: Range<usize>,
        page: &AttributePage<'_>,
        gathered: &mut Gathered,
    ) -> bool {
        let pairs = std::mem::take(&mut self.doubles);
        let (some, more) = pairs.some(&at);
        for (code, number) in some {
            if let Some(key) = self.key(*code, page, gathered) {
                gathered.float(key, f64::from_bits(page.doubles.1.bits(*number)));
            }
        }
        self.doubles = pairs;
        more
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let pairs = [&self.strings, &self.ints, &self.doubles].map(Pairs::memory_bytes);
        let rest = self.recent.capacity() * 16 + self.keys.capacity() * 16;
        pairs.iter().sum::<usize>() + rest
    }
}
