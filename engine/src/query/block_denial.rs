//! Which blocks a plan need not read: its needs as questions to the filters beside a block.
//!
//! From: a plan's needs. To: searches, metrics and narrowed tags, which ask before they open a
//! block. A question is left out where the filter could not answer it for certain, so what is
//! denied cannot match.

use stringendo_block::filters::directory::Probe;
use stringendo_block::filters::{KeyHash, Place};
use stringendo_block::id_filter;
use stringendo_block::tags::TagValues;
use stringendo_proto::TraceId;
use stringendo_traceql::ast::Static;
use stringendo_traceql::{
    AttributeScope, Field, Intrinsic, Predicate, PredicateOp, SearchPlan, ValueRef,
};

use super::block_filters::BlockFilters;
use crate::block_list::BlockEntry;
use crate::block_store::Reads;
use crate::metrics::families as family;
use crate::shard::Shard;

/// Something that a block may hold.
#[derive(Clone, Debug)]
enum Ask {
    /// A key or a value.
    Entry(Probe),
    /// A trace, by the entry of its id.
    Id(u64),
    /// Some value that passes a test.
    Value(Box<ValueAsk>),
}

/// A question to the lists of values: for tests that more values pass than could be asked for.
#[derive(Clone, Debug)]
struct ValueAsk {
    place: Place,
    /// Empty for intrinsics.
    key: Vec<u8>,
    predicate: Predicate,
}

/// What a block must hold.
#[derive(Clone, Debug, Default)]
pub struct Denial {
    /// For each need its predicates, for each of them the places of which one must have it. Of a
    /// trace in pieces, another piece may satisfy another need, so a block without any of them is
    /// left out. Empty: nothing can be denied.
    needs: Vec<Vec<Vec<Ask>>>,
}

impl Denial {
    /// For a plan, and those of its needs of which a block must hold one.
    pub fn of(plan: &SearchPlan, needs: &[Vec<Predicate>]) -> Self {
        let asks_of = |need: &Vec<Predicate>| -> Vec<Vec<Ask>> {
            let asks = need.iter().map(|test| asks(test, &plan.fields()[test.field()]));
            asks.filter(|asks| !asks.is_empty()).collect()
        };
        let needs: Vec<_> = needs.iter().map(asks_of).collect();
        match needs.iter().any(Vec::is_empty) {
            true => Self::default(),
            false => Self { needs },
        }
    }

    /// Whether nothing in the block can match. Nothing may be held to read with.
    pub async fn denies(&self, shard: &Shard, block: &BlockEntry, reads: &mut Reads) -> bool {
        if self.needs.is_empty() {
            return false;
        }
        let Some(filters) = BlockFilters::open(shard, block, reads).await else { return false };
        for need in &self.needs {
            if !denies_need(&filters, need, reads).await {
                count(shard, "read");
                return false;
            }
        }
        count(shard, "skipped");
        true
    }
}

fn count(shard: &Shard, outcome: &'static str) {
    shard.metrics.add(&family::FILTERS_ASKED, &[outcome], 1.0);
}

async fn denies_need(filters: &BlockFilters<'_>, need: &[Vec<Ask>], reads: &mut Reads) -> bool {
    for places in need {
        if denies_all(filters, places, reads).await {
            return true;
        }
    }
    false
}

async fn denies_all(filters: &BlockFilters<'_>, asks: &[Ask], reads: &mut Reads) -> bool {
    for ask in asks {
        let may_hold = match ask {
            Ask::Entry(probe) => filters.may_hold(probe, reads).await,
            Ask::Id(entry) => filters.may_hold_id(*entry, reads).await.unwrap_or(true),
            Ask::Value(ask) => ask.may_be_in(filters, reads).await,
        };
        if may_hold {
            return false;
        }
    }
    true
}

impl ValueAsk {
    async fn may_be_in(&self, filters: &BlockFilters<'_>, reads: &mut Reads) -> bool {
        let Self { place, key, predicate } = self;
        if place.is_of_attributes() {
            let present = Probe { entry: KeyHash::of(*place, key).present(), value_of: None };
            if !filters.may_hold(&present, reads).await {
                return false;
            }
        }
        let listed = filters.values_at(*place, key, reads).await;
        listed.is_none_or(|values| some_passes(predicate, &values))
    }
}

/// Whether one of the values passes. Of an array that passes, an element does.
fn some_passes(predicate: &Predicate, values: &TagValues) -> bool {
    let passes = |value| predicate.accepts(value);
    values.ints.iter().any(|value| passes(ValueRef::Int(*value)))
        || values.floats.iter().any(|value| passes(ValueRef::Float(*value)))
        || values.bools.iter().any(|value| passes(ValueRef::Bool(*value)))
        || values.strings.iter().any(|text| passes(ValueRef::Str(text)))
}

/// Where a value that passes the predicate must be found; nothing if it may be anywhere.
fn asks(predicate: &Predicate, field: &Field) -> Vec<Ask> {
    // A span without the field passes, so nothing need be there.
    if predicate.accepts(ValueRef::Missing) {
        return Vec::new();
    }
    let is_equal = predicate.op() == PredicateOp::Equal;
    match field {
        Field::Attribute { scope, name } => {
            let ask = |place: &Place| {
                let key = KeyHash::of(*place, name.as_bytes());
                let present = Ask::Entry(Probe { entry: key.present(), value_of: None });
                ask_value(*place, name.as_bytes(), predicate).unwrap_or(present)
            };
            places(*scope).iter().map(ask).collect()
        }
        Field::Intrinsic(Intrinsic::TraceId) if is_equal => {
            id_entry(predicate.literal()).map(Ask::Id).into_iter().collect()
        }
        Field::Intrinsic(intrinsic) => {
            let is_text = matches!(predicate.literal(), Static::Str(_));
            let place = intrinsic_place(*intrinsic).filter(|_| is_text);
            place.and_then(|place| ask_value(place, &[], predicate)).into_iter().collect()
        }
    }
}

/// Which value must be at a place; `None` if that need not be asked.
fn ask_value(place: Place, key: &[u8], predicate: &Predicate) -> Option<Ask> {
    use PredicateOp as Op;
    match predicate.op() {
        Op::Equal => {
            let (value, key) = (literal_entry(predicate.literal())?, KeyHash::of(place, key));
            Some(Ask::Entry(Probe { entry: value(key), value_of: Some(key) }))
        }
        // Few blocks have the key and nothing that passes.
        Op::NotEqual | Op::NotMatches | Op::Exists | Op::Absent => None,
        _ if predicate.accepts(ValueRef::Unsupported) => None,
        _ => {
            let (key, predicate) = (key.to_vec(), predicate.clone());
            Some(Ask::Value(Box::new(ValueAsk { place, key, predicate })))
        }
    }
}

fn places(scope: AttributeScope) -> &'static [Place] {
    match scope {
        AttributeScope::Unscoped => &[Place::Span, Place::Resource],
        AttributeScope::Span => &[Place::Span],
        AttributeScope::Resource => &[Place::Resource],
        AttributeScope::Event => &[Place::Event],
        AttributeScope::Link => &[Place::Link],
        AttributeScope::Instrumentation => &[Place::Instrumentation],
    }
}

fn intrinsic_place(intrinsic: Intrinsic) -> Option<Place> {
    match intrinsic {
        Intrinsic::Name => Some(Place::Name),
        Intrinsic::EventName => Some(Place::EventName),
        Intrinsic::InstrumentationName => Some(Place::ScopeName),
        Intrinsic::InstrumentationVersion => Some(Place::ScopeVersion),
        _ => None,
    }
}

/// How a key's hash and the value become an entry.
type Entry<'a> = Box<dyn Fn(KeyHash) -> u64 + 'a>;

fn literal_entry(literal: &Static) -> Option<Entry<'_>> {
    match literal {
        Static::Str(text) => Some(Box::new(move |key| key.string(text))),
        Static::Int(value) => Some(Box::new(move |key| key.int(*value))),
        Static::Float(value) => Some(Box::new(move |key| key.number(*value))),
        Static::Bool(value) => Some(Box::new(move |key| key.bool(*value))),
        _ => None,
    }
}

/// The id that hexadecimal digits without leading zeros stand for, if they can be one.
fn id_entry(literal: &Static) -> Option<u64> {
    let Static::Str(digits) = literal else { return None };
    let digits = std::str::from_utf8(digits).ok()?;
    let is_plain = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| is_plain)?;
    Some(id_filter::entry(&TraceId(number.to_be_bytes())))
}
