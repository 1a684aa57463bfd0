//! Scans of candidates alone, compared with scans of everything, over Tempo's blocks and ours.

#![allow(clippy::unwrap_used)]

mod common;
mod support;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use stringendo_block::meta::default_dedicated_columns;
use stringendo_block::scan::{
    AttributeScope, Candidates, ColumnValue, ItemList, Needs, Scalar, ScanBatch, ScanField,
    ScanNeed, ScanRequest, ScanTest, ValueTypes, Wanted,
};
use stringendo_block::{
    BlockEncoder, BlockReader, DecodedDictionary, KnownDictionaries, NoDictionaries,
    PinnedDictionaries, ReadError, Version,
};
use stringendo_proto::TraceId;
use support::{Block, TEMPO_BLOCKS, tempo_block};

/// What a scan gave of a trace: per field its values.
type Values = Vec<Vec<ColumnValue>>;

struct Loaded {
    name: &'static str,
    block: Block,
    reader: BlockReader,
    fields: Vec<ScanField>,
    traces: BTreeMap<TraceId, Values>,
}

static LOADED: LazyLock<Vec<Loaded>> = LazyLock::new(|| {
    let keys = keys();
    let blocks = TEMPO_BLOCKS.map(|name| (name, tempo_block(name))).into_iter();
    let ours = [
        ("ours", our_block(Version::V5, SMALL_ROW_GROUP)),
        ("our vParquet4", our_block(Version::V4, SMALL_ROW_GROUP)),
    ];
    blocks.chain(ours).map(|(name, block)| load(name, block, &keys)).collect()
});

/// Of these the corpus takes several.
const SMALL_ROW_GROUP: u64 = 6_000_000;
/// In this, columns have several pages.
const LARGE_ROW_GROUP: u64 = 1 << 30;

/// The corpus some times over.
fn our_block(version: Version, row_group_bytes: u64) -> Block {
    let chunks = common::corpus();
    let mut options = common::options(default_dedicated_columns());
    (options.version, options.row_group_bytes) = (version, row_group_bytes);
    let mut encoder = BlockEncoder::new(options);
    let traces = common::traces_of(&chunks);
    for copy in 0..16_u128 {
        for (number, spans) in traces.values().enumerate() {
            let id = TraceId((copy << 32 | number as u128).to_be_bytes());
            encoder.add_trace(&chunks, &id, spans).unwrap();
        }
    }
    let mut finishing = encoder.finish();
    let block = loop {
        if let Some(block) = finishing.step().unwrap() {
            break block;
        }
    };
    Block { meta: block.meta, data: block.data }
}

/// Keys of the corpus by scope.
fn keys() -> Vec<(AttributeScope, String)> {
    let (block, mut keys) = (tempo_block("vparquet5"), BTreeSet::new());
    let reader = block.open().unwrap();
    let text = |key: &bytes::Bytes| String::from_utf8_lossy(key).into_owned();
    for recorded in support::recorded_traces() {
        let trace = support::read_trace(&block, &reader, &recorded.trace_id).unwrap().unwrap();
        for resource in &trace.resource_spans {
            let attributes = &resource.resource.as_ref().unwrap().attributes;
            keys.extend(attributes.iter().map(|a| (1, text(&a.key))));
            for scope in &resource.scope_spans {
                let attributes = &scope.scope.as_ref().unwrap().attributes;
                keys.extend(attributes.iter().map(|a| (2, text(&a.key))));
                for span in &scope.spans {
                    keys.extend(span.attributes.iter().map(|a| (0, text(&a.key))));
                    let events = span.events.iter().flat_map(|event| &event.attributes);
                    keys.extend(events.map(|a| (3, text(&a.key))));
                    let links = span.links.iter().flat_map(|link| &link.attributes);
                    keys.extend(links.map(|a| (4, text(&a.key))));
                }
            }
        }
    }
    use AttributeScope::{Event, Link, Resource, Scope, Span};
    let scopes = [Span, Resource, Scope, Event, Link];
    keys.into_iter().map(|(scope, key)| (scopes[scope], key)).collect()
}

fn load(name: &'static str, block: Block, keys: &[(AttributeScope, String)]) -> Loaded {
    let mut fields = vec![
        ScanField::Name,
        ScanField::Duration,
        ScanField::Status,
        ScanField::StatusMessage,
        ScanField::Kind,
        ScanField::SpanId,
        ScanField::ParentId,
        ScanField::ChildCount,
        ScanField::NestedSetParent,
        ScanField::TraceDuration,
        ScanField::RootName,
        ScanField::RootService,
        ScanField::TraceId,
        ScanField::ScopeName,
        ScanField::EventName,
        ScanField::EventTimeSinceStart,
        ScanField::LinkTraceId,
    ];
    let attribute = |(scope, key): &(AttributeScope, String)| ScanField::Attribute {
        scope: *scope,
        key: key.clone(),
    };
    fields.extend(keys.iter().map(attribute));
    let reader = block.open().unwrap();
    let mut traces = BTreeMap::new();
    let request = ScanRequest { fields, end_unix_nanos: u64::MAX, ..ScanRequest::default() };
    for row_group in 0..reader.row_groups() {
        let fetched = block.fetch(&reader.scan_ranges(row_group, &request));
        let mut scan = reader.scan(row_group, &request, &fetched).unwrap();
        while let Some(batch) = scan.next_batch().unwrap() {
            collect(&request.fields, &batch, &mut traces);
        }
    }
    Loaded { name, block, reader, fields: request.fields, traces }
}

fn collect(fields: &[ScanField], batch: &ScanBatch, traces: &mut BTreeMap<TraceId, Values>) {
    for trace in &batch.traces {
        let items = |list: ItemList| {
            batch.items(list, trace.spans.start).start..batch.items(list, trace.spans.end - 1).end
        };
        let columns = fields.iter().enumerate().map(|(number, field)| {
            let range = field.list().map_or(trace.spans.clone(), items);
            range.map(|at| batch.value(number, at).into()).collect()
        });
        traces.insert(trace.trace_id, columns.collect());
    }
}

/// What a scan of the candidates gives, whether dictionaries are known or not.
fn sifted(loaded: &Loaded, request: &ScanRequest) -> BTreeMap<TraceId, (Values, u64)> {
    let kept: Rc<dyn KnownDictionaries> = Rc::new(Kept::default());
    let found = sifted_knowing(loaded, request, &(Rc::new(NoDictionaries) as Rc<_>));
    for _ in 0..2 {
        let pinned = Rc::new(PinnedDictionaries::new(Rc::clone(&kept)));
        let knowing = sifted_knowing(loaded, request, &(pinned as Rc<_>));
        // As text, since NaN is not equal to itself.
        assert_eq!(format!("{knowing:?}"), format!("{found:?}"), "{}", loaded.name);
    }
    found
}

/// All dictionaries that were decoded.
#[derive(Debug, Default)]
struct Kept(RefCell<HashMap<u64, DecodedDictionary>>);

impl KnownDictionaries for Kept {
    fn get(&self, offset: u64) -> Option<DecodedDictionary> {
        self.0.borrow().get(&offset).cloned()
    }

    fn keep(&self, offset: u64, dictionary: &DecodedDictionary) {
        self.0.borrow_mut().insert(offset, dictionary.clone());
    }
}

fn sifted_knowing(
    loaded: &Loaded,
    request: &ScanRequest,
    known: &Rc<dyn KnownDictionaries>,
) -> BTreeMap<TraceId, (Values, u64)> {
    let (block, reader, mut found) = (&loaded.block, &loaded.reader, BTreeMap::new());
    for row_group in 0..reader.row_groups() {
        let candidates = candidates(block, reader, row_group, request, known);
        let ranges = reader.candidate_ranges(row_group, request, &candidates, &**known);
        let fetched = block.fetch(&ranges).with_dictionaries(Rc::clone(known));
        let mut scan = reader.scan_candidates(row_group, request, &candidates, &fetched).unwrap();
        while let Some(batch) = scan.next_batch().unwrap() {
            let mut traces = BTreeMap::new();
            collect(&request.fields, &batch, &mut traces);
            for trace in &batch.traces {
                let values = traces.remove(&trace.trace_id).unwrap();
                found.insert(trace.trace_id, (values, trace.needs_met));
            }
        }
    }
    found
}

fn candidates(
    block: &Block,
    reader: &BlockReader,
    row_group: usize,
    request: &ScanRequest,
    known: &Rc<dyn KnownDictionaries>,
) -> Candidates {
    let fetch = |ranges: Vec<_>| block.fetch(&ranges).with_dictionaries(Rc::clone(known));
    let fetched = fetch(reader.lookup_ranges(row_group, request, &**known));
    let lookup = with_least_memory(|limit| reader.look_up(row_group, request, &fetched, limit));
    if lookup.wants_every_row() {
        return Candidates::all_of(&lookup);
    }
    let fetched = fetch(reader.sift_ranges(row_group, request, &lookup, &**known));
    with_least_memory(|limit| {
        let mut sift = reader.sift(row_group, request, &lookup, &fetched, limit);
        while sift.step()? {}
        Ok(sift.candidates())
    })
}

fn with_least_memory<T>(read: impl Fn(u64) -> Result<T, ReadError>) -> T {
    let mut limit = 0;
    loop {
        match read(limit) {
            Err(ReadError::NeedsMemory { bytes }) => limit = bytes,
            outcome => return outcome.unwrap(),
        }
    }
}

/// A test in a form that can be asked of values, too.
#[derive(Clone, Debug)]
enum Asks {
    Equal(ColumnValue),
    Exists,
    Above(i64),
}

impl Asks {
    fn accepts(&self, value: Scalar<'_>) -> bool {
        match (self, value) {
            (_, Scalar::Missing) => false,
            (Self::Exists, _) => true,
            (Self::Equal(ColumnValue::Bytes(text)), Scalar::Bytes(other)) => text == other,
            (Self::Equal(ColumnValue::Int(int)), Scalar::Int(other)) => *int == other,
            (Self::Equal(ColumnValue::Float(float)), Scalar::Float(other)) => *float == other,
            (Self::Equal(ColumnValue::Bool(truth)), Scalar::Bool(other)) => *truth == other,
            (Self::Above(int), Scalar::Int(other)) => other > *int,
            _ => false,
        }
    }

    fn test(&self, field: usize) -> ScanTest {
        let none = ValueTypes::NONE;
        let (types, numbers) = match self {
            Self::Exists => (ValueTypes::ALL, i128::MIN..=i128::MAX),
            Self::Above(int) => {
                (ValueTypes { ints: true, ..none }, i128::from(*int) + 1..=i128::MAX)
            }
            Self::Equal(ColumnValue::Bytes(_)) => {
                (ValueTypes { bytes: true, ..none }, i128::MIN..=i128::MAX)
            }
            Self::Equal(ColumnValue::Int(int)) => {
                (ValueTypes { ints: true, ..none }, i128::from(*int)..=i128::from(*int))
            }
            Self::Equal(_) => (ValueTypes { floats: true, bools: true, ..none }, 0..=0),
        };
        let asks = self.clone();
        ScanTest {
            fields: vec![field],
            types,
            numbers,
            accepts: Arc::new(move |v| asks.accepts(v)),
        }
    }

    fn passes(&self, value: &ColumnValue) -> bool {
        scalars(value).iter().any(|value| {
            let scalar = match value {
                ColumnValue::Missing => Scalar::Missing,
                ColumnValue::Bytes(text) => Scalar::Bytes(text),
                ColumnValue::Int(int) => Scalar::Int(*int),
                ColumnValue::Float(float) => Scalar::Float(*float),
                ColumnValue::Bool(truth) => Scalar::Bool(*truth),
                _ => Scalar::Unsupported,
            };
            self.accepts(scalar)
        })
    }
}

fn scalars(value: &ColumnValue) -> Vec<ColumnValue> {
    match value {
        ColumnValue::BytesArray(all) => all.iter().cloned().map(ColumnValue::Bytes).collect(),
        ColumnValue::IntArray(all) => all.iter().copied().map(ColumnValue::Int).collect(),
        ColumnValue::FloatArray(all) => all.iter().copied().map(ColumnValue::Float).collect(),
        ColumnValue::BoolArray(all) => all.iter().copied().map(ColumnValue::Bool).collect(),
        other => vec![other.clone()],
    }
}

/// Some tests of a field that pass somewhere, and one that does nowhere.
fn asks(loaded: &Loaded, field: usize) -> Vec<Asks> {
    let values = loaded.traces.values().flat_map(|values| &values[field]).flat_map(scalars);
    let (mut asks, mut kinds) = (vec![Asks::Exists], BTreeSet::new());
    for value in values {
        let kind = match &value {
            ColumnValue::Bytes(_) => 0,
            ColumnValue::Int(_) => 1,
            ColumnValue::Float(_) => 2,
            ColumnValue::Bool(_) => 3,
            _ => continue,
        };
        if kinds.insert(kind) {
            if let ColumnValue::Int(int) = value {
                asks.push(Asks::Above(int));
            }
            asks.push(Asks::Equal(value));
        }
    }
    asks.push(Asks::Equal(ColumnValue::Bytes("no such value".into())));
    asks
}

fn request(fields: Vec<ScanField>, wanted: Wanted, needs: Vec<ScanNeed>) -> ScanRequest {
    let needs = Needs { wanted, needs };
    ScanRequest { fields, end_unix_nanos: u64::MAX, needs, ..ScanRequest::default() }
}

#[test]
fn candidates_are_the_traces_with_a_value_that_passes() {
    let (mut passing, mut in_vain) = (0, 0);
    for loaded in LOADED.iter() {
        for (number, field) in loaded.fields.iter().enumerate() {
            for ask in asks(loaded, number) {
                let needs = vec![vec![ask.test(0)]];
                let request = request(vec![field.clone()], Wanted::AllNeeds, needs);
                let found = sifted(loaded, &request);
                let passes = |values: &Values| values[number].iter().any(|it| ask.passes(it));
                let passing_here = loaded.traces.values().filter(|values| passes(values)).count();
                // Where most pass, not all pages are asked. Of vParquet3 only keys are asked for:
                // values may be in texts.
                let is_asked = passing_here * 2 < loaded.traces.len() && loaded.name != "vparquet3";
                for (id, values) in &loaded.traces {
                    let what = || format!("{} {field:?} {ask:?} {id}", loaded.name);
                    let passes = passes(values);
                    match found.get(id) {
                        None => assert!(!passes, "{}", what()),
                        Some((found, _)) => {
                            let expected = format!("{:?}", values[number]);
                            assert_eq!(format!("{:?}", found[0]), expected, "{}", what());
                        }
                    }
                    passing += usize::from(passes);
                    in_vain += usize::from(is_asked && !passes && found.contains_key(id));
                }
            }
        }
    }
    // Of several values of one key only the last counts.
    assert!(passing > 10_000 && in_vain < passing / 100, "{in_vain} beside {passing}");
}

#[test]
fn what_most_rows_pass_is_not_asked_of_every_page() {
    let loaded = load("ours, large", our_block(Version::V5, LARGE_ROW_GROUP), &[]);
    let known: Rc<dyn KnownDictionaries> = Rc::new(NoDictionaries);
    let field = |wanted: &ScanField| loaded.fields.iter().position(|it| it == wanted).unwrap();
    let number = field(&ScanField::Duration);
    let mut longest: Vec<i64> = Vec::new();
    for values in loaded.traces.values() {
        let of_trace = values[number].iter().map(|value| match value {
            ColumnValue::Int(int) => *int,
            other => panic!("a duration is {other:?}"),
        });
        longest.extend(of_trace.max());
    }
    longest.sort_unstable();
    let asked = |ask: Asks| {
        let needs = vec![vec![ask.test(0)]];
        let request = request(vec![ScanField::Duration], Wanted::AllNeeds, needs);
        let (block, reader) = (&loaded.block, &loaded.reader);
        let (mut pages, mut rows) = (0, 0);
        for row_group in 0..reader.row_groups() {
            let fetched = block.fetch(&reader.lookup_ranges(row_group, &request, &*known));
            let lookup = reader.look_up(row_group, &request, &fetched, u64::MAX).unwrap();
            let fetched = block.fetch(&reader.sift_ranges(row_group, &request, &lookup, &*known));
            let mut sift = reader.sift(row_group, &request, &lookup, &fetched, u64::MAX);
            while sift.step().unwrap() {}
            pages += sift.counts().pages;
            rows += sift.candidates().count().unwrap();
        }
        (pages, rows as usize)
    };
    let (all_pages, rows) = asked(Asks::Above(longest[longest.len() / 2]));
    assert!(rows < longest.len() * 2 / 3, "{rows}");
    let (pages, rows) = asked(Asks::Above(longest[longest.len() / 20] - 1));
    assert!(pages < all_pages, "{pages} of {all_pages}");
    assert!(rows >= longest.len() * 19 / 20, "{rows}");
}

/// Numbers that look random.
fn random(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % below
}

#[test]
fn of_several_needs_some_or_all_must_be_met_by_a_row() {
    let mut state = 7;
    for case in 0..300 {
        let loaded = &LOADED[case % LOADED.len()];
        let (mut fields, mut asked) = (Vec::new(), Vec::new());
        for _ in 0..=random(&mut state, 3) {
            let mut need = Vec::new();
            for _ in 0..=random(&mut state, 2) {
                let field = random(&mut state, loaded.fields.len());
                let of_field = asks(loaded, field);
                need.push((field, of_field[random(&mut state, of_field.len())].clone()));
                fields.push(field);
            }
            asked.push(need);
        }
        for wanted in [Wanted::AnyNeed, Wanted::AllNeeds] {
            check_needs(loaded, &fields, &asked, wanted);
        }
    }
}

fn check_needs(loaded: &Loaded, fields: &[usize], asked: &[Vec<(usize, Asks)>], wanted: Wanted) {
    let position = |field: &usize| fields.iter().position(|other| other == field).unwrap();
    let need = |need: &Vec<(usize, Asks)>| -> ScanNeed {
        need.iter().map(|(field, ask)| ask.test(position(field))).collect()
    };
    let scanned = fields.iter().map(|field| loaded.fields[*field].clone()).collect();
    let request = request(scanned, wanted, asked.iter().map(need).collect());
    let found = sifted(loaded, &request);
    for (id, values) in &loaded.traces {
        let met = |need: &Vec<(usize, Asks)>| {
            need.iter().all(|(field, ask)| values[*field].iter().any(|value| ask.passes(value)))
        };
        let met: Vec<bool> = asked.iter().map(met).collect();
        let is_wanted = match wanted {
            Wanted::AnyNeed => met.contains(&true),
            Wanted::AllNeeds => !met.contains(&false),
        };
        let what = || format!("{} {wanted:?} {asked:?} {id}", loaded.name);
        let Some((_, mask)) = found.get(id) else {
            assert!(!is_wanted, "{}", what());
            continue;
        };
        for (number, met) in met.iter().enumerate() {
            assert!(!met || mask >> number & 1 == 1, "{}", what());
        }
    }
}

#[test]
fn what_only_whole_traces_tell_does_not_leave_pieces_out() {
    let loaded = &LOADED[0];
    let needs = || vec![vec![Asks::Above(i64::MAX).test(0)]];
    let fields = || vec![ScanField::TraceDuration];
    let pieces = sifted(loaded, &request(fields(), Wanted::AnyNeed, needs()));
    assert_eq!(pieces.len(), loaded.traces.len());
    let whole = sifted(loaded, &request(fields(), Wanted::AllNeeds, needs()));
    assert_eq!(whole.len(), 0);
}

#[test]
fn a_value_that_no_dictionary_holds_needs_no_data_pages() {
    for loaded in LOADED.iter().filter(|loaded| loaded.name != "vparquet3") {
        let key = |key: &str| ScanField::Attribute { scope: AttributeScope::Span, key: key.into() };
        for field in [ScanField::Name, key("http.method"), key("no.such.key")] {
            let ask = Asks::Equal(ColumnValue::Bytes("no such value".into()));
            let request = request(vec![field], Wanted::AnyNeed, vec![vec![ask.test(0)]]);
            for row_group in 0..loaded.reader.row_groups() {
                let ranges = loaded.reader.lookup_ranges(row_group, &request, &NoDictionaries);
                let fetched = loaded.block.fetch(&ranges);
                let lookup = loaded.reader.look_up(row_group, &request, &fetched, 1 << 30).unwrap();
                assert!(lookup.excludes_all(), "{}", loaded.name);
                assert_eq!(
                    loaded.reader.sift_ranges(row_group, &request, &lookup, &NoDictionaries),
                    []
                );
            }
        }
    }
}

#[test]
fn candidates_of_a_time_are_traces_of_that_time() {
    let loaded = &LOADED[2];
    let all = request(vec![ScanField::Name], Wanted::AnyNeed, vec![vec![Asks::Exists.test(0)]]);
    let ids: BTreeSet<TraceId> = sifted(loaded, &all).into_keys().collect();
    assert_eq!(ids.len(), loaded.traces.len());
    let mut some = all.clone();
    some.start_unix_nanos = 1;
    some.end_unix_nanos = 1_768_478_400_000_000_000 / 2;
    let mut plain = some.clone();
    plain.needs = Needs::default();
    assert_eq!(sifted(loaded, &some).len(), sifted(loaded, &plain).len());
}
