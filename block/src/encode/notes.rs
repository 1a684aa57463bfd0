//! Notes the distinct keys and values of a block for its filters ([`crate::filters`]).
//!
//! From: the columns, before a page is written (codes), and before a row group is closed
//! (dictionaries). Each attribute costs a comparison; a value is hashed once per key and row group,
//! not once per span.

use std::collections::VecDeque;
use std::ops::Range;

use super::columns::Columns;
use super::dedicated::DedicatedPage;
use super::dictionary::Dictionary;
use super::note_pairs::ScopeNotes;
use super::numbers::NumberPage;
use crate::filters::gather::{Gathered, KeyNumber};
use crate::filters::hash::Place;

/// Places of attributes, as [`Columns::attributes`] has them.
const PLACES: [Place; 5] =
    [Place::Resource, Place::Span, Place::Event, Place::Link, Place::Instrumentation];
/// Values that are taken over in a step: some 100 µs.
const STEP_VALUES: usize = 4096;
/// Bytes of lists of values for each span.
const LISTED_BYTES_PER_SPAN: u64 = 2;

/// What is noted of a block.
pub struct Notes {
    /// What is known.
    pub gathered: Gathered,
    scopes: [ScopeNotes; PLACES.len()],
    /// What is to be taken over at the end of the row group.
    sources: VecDeque<Source>,
    /// How far the first of them is.
    at: usize,
}

#[derive(Clone, Copy)]
enum Source {
    /// Keys of a list of attributes.
    Keys(usize),
    /// Their strings, integers and doubles.
    Strings(usize),
    Ints(usize),
    Doubles(usize),
    /// An attribute with a column of its own: its list, its number there.
    Dedicated(usize, usize),
    Service,
    /// A column of names.
    Names(Place),
}

impl Notes {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            gathered: Gathered::default(),
            scopes: PLACES.map(ScopeNotes::new),
            sources: VecDeque::new(),
            at: 0,
        }
    }

    /// Looks at the page under way, which is complete.
    pub fn page(&mut self, columns: &Columns) {
        for (scope, attributes) in self.scopes.iter_mut().zip(columns.attributes()) {
            scope.page(&attributes.page(), &mut self.gathered);
            for dedicated in &attributes.dedicated {
                let name = dedicated.name().as_bytes();
                scope.dedicated(name, &dedicated.page(), &mut self.gathered);
            }
        }
    }

    /// The row group is complete, its dictionaries are still there: to be called until it gives
    /// `false`, before a column is closed. The block has so many spans so far.
    pub fn end_row_group(&mut self, columns: &Columns, spans: u64) -> bool {
        if self.sources.is_empty() {
            self.gathered.limit_listed(spans.saturating_mul(LISTED_BYTES_PER_SPAN) as usize);
            self.begin_end(columns);
        }
        if let Some(source) = self.sources.front()
            && !self.take_over(*source, columns)
        {
            self.sources.pop_front();
            self.at = 0;
        }
        if self.sources.is_empty() {
            self.scopes.iter_mut().for_each(ScopeNotes::clear);
            self.gathered.end_row_group();
        }
        !self.sources.is_empty()
    }

    fn begin_end(&mut self, columns: &Columns) {
        for (list, attributes) in columns.attributes().iter().enumerate() {
            let values = [Source::Strings(list), Source::Ints(list), Source::Doubles(list)];
            self.sources.push_back(Source::Keys(list));
            self.sources.extend(values);
            let own = 0..attributes.dedicated.len();
            self.sources.extend(own.map(|number| Source::Dedicated(list, number)));
        }
        self.sources.push_back(Source::Service);
        let names = [
            Place::Name,
            Place::EventName,
            Place::ScopeName,
            Place::ScopeVersion,
            Place::RootName,
            Place::RootService,
        ];
        self.sources.extend(names.map(Source::Names));
    }

    /// Takes over some values; whether there are more.
    fn take_over(&mut self, source: Source, columns: &Columns) -> bool {
        let at = self.at..self.at + STEP_VALUES;
        self.at = at.end;
        let gathered = &mut self.gathered;
        let page = |list: usize| columns.attributes()[list].page();
        match source {
            Source::Keys(list) => {
                let names = page(list).key_names;
                for code in at.start..at.end.min(names.len()) {
                    if let Some(key) = gathered.key(PLACES[list], names.get(code as u32)) {
                        gathered.present(key);
                    }
                }
                at.end < names.len()
            }
            Source::Strings(list) => self.scopes[list].take_strings(at, &page(list), gathered),
            Source::Ints(list) => self.scopes[list].take_ints(at, &page(list), gathered),
            Source::Doubles(list) => self.scopes[list].take_doubles(at, &page(list), gathered),
            Source::Dedicated(list, number) => {
                let dedicated = &columns.attributes()[list].dedicated[number];
                let name = dedicated.name().as_bytes();
                let mut key = |there: bool| there.then(|| gathered.key(PLACES[list], name));
                match dedicated.page() {
                    DedicatedPage::Strings(texts) => {
                        let key = key(texts.len() > 0).flatten();
                        all_texts(texts, key, at, true, gathered)
                    }
                    DedicatedPage::Ints(numbers) => {
                        let key = key(numbers.distinct() > 0).flatten();
                        all_ints(numbers, key, at, gathered)
                    }
                    DedicatedPage::Blobs(_) => false,
                }
            }
            Source::Service => {
                let texts = &columns.group.service.values.dictionary;
                let key = gathered.key(Place::Resource, b"service.name");
                all_texts(texts, key, at, false, gathered)
            }
            Source::Names(place) => {
                let key = gathered.key(place, &[]);
                all_texts(names(columns, place), key, at, false, gathered)
            }
        }
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let scopes = self.scopes.iter().map(ScopeNotes::memory_bytes);
        self.gathered.memory_bytes() + scopes.sum::<usize>()
    }
}

fn names(columns: &Columns, place: Place) -> &Dictionary {
    let column = match place {
        Place::EventName => &columns.detail.event_name,
        Place::ScopeName => &columns.group.scope_name,
        Place::ScopeVersion => &columns.group.scope_version,
        Place::RootName => &columns.trace.root_name,
        Place::RootService => &columns.trace.root_service,
        _ => &columns.span.name,
    };
    &column.values.dictionary
}

/// Takes over strings that all belong to one key; whether there are more. Of service names and
/// other names an empty one does not make the key present.
fn all_texts(
    texts: &Dictionary,
    key: Option<KeyNumber>,
    at: Range<usize>,
    is_attribute: bool,
    gathered: &mut Gathered,
) -> bool {
    let Some(key) = key else { return false };
    for code in at.start..at.end.min(texts.len()) {
        let text = texts.get(code as u32);
        gathered.string(key, text);
        if is_attribute || !text.is_empty() {
            gathered.present(key);
        }
    }
    at.end < texts.len()
}

/// The same for integers.
fn all_ints(
    numbers: NumberPage<'_>,
    key: Option<KeyNumber>,
    at: Range<usize>,
    gathered: &mut Gathered,
) -> bool {
    let Some(key) = key else { return false };
    gathered.present(key);
    for code in at.start..at.end.min(numbers.distinct()) {
        gathered.int(key, numbers.bits(code as u32) as i64);
    }
    at.end < numbers.distinct()
}
