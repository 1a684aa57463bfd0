//! The filters that are written with a block, compared with what is read of its columns: nothing
//! that is there is ever denied, and the summary has the same names and values.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::{corpus, encode, options, traces_of};
use stringendo_block::filters::directory::{FIRST_BYTES, Packed, Probe};
use stringendo_block::filters::{Assembly, Directory, Gathered, KeyHash, Place, listing};
use stringendo_block::meta::{DedicatedColumn, default_dedicated_columns};
use stringendo_block::tags::{
    DistinctValues, TagField, TagNames, TagNamesFound, TagScope, TagValues,
};
use stringendo_block::{BlockReader, Fetched, FinishedBlock, id_filter};

struct Filters<'a> {
    object: &'a Bytes,
    directory: Directory,
}

impl<'a> Filters<'a> {
    fn of(block: &'a FinishedBlock) -> Self {
        let directory = Directory::decode(&block.filters, &block.meta.block_id).unwrap();
        Self { object: &block.filters, directory }
    }

    fn slice(&self, range: std::ops::Range<u64>) -> Bytes {
        self.object.slice(range.start as usize..range.end as usize)
    }

    fn may_hold(&self, entry: u64, value_of: Option<KeyHash>) -> bool {
        let probe = Probe { entry, value_of };
        let Some(part) = self.directory.page_for(&probe) else { return true };
        self.directory.may_hold(&probe, &part.check(self.slice(part.range())).unwrap())
    }

    fn unpack(&self, packed: &Packed) -> Vec<u8> {
        packed.unpack(self.slice(packed.part.range())).unwrap()
    }

    fn names(&self) -> TagNames {
        listing::read_names(&self.unpack(&self.directory.names.unwrap())).unwrap()
    }

    fn values(&self, field: &TagField) -> Option<TagValues> {
        let (place, key) = Place::of_field(field).unwrap();
        let chunk = self.directory.chunk_of(place, key)?;
        listing::read_values(&self.unpack(&chunk.packed), place, key).unwrap()
    }
}

struct Columns<'a> {
    reader: BlockReader,
    block: &'a FinishedBlock,
}

impl<'a> Columns<'a> {
    fn of(block: &'a FinishedBlock) -> Self {
        let range = BlockReader::footer_range(&block.meta);
        let footer = block.data.slice(range.start as usize..range.end as usize);
        Self { reader: BlockReader::open(block.meta.clone(), &footer).unwrap(), block }
    }

    fn fetched(&self) -> Fetched {
        let mut fetched = Fetched::default();
        fetched.insert(0, self.block.data.clone());
        fetched
    }

    fn names(&self) -> TagNames {
        let mut found = TagNamesFound::default();
        for row_group in 0..self.reader.row_groups() {
            let mut scan = self.reader.tag_names(row_group, &self.fetched(), u64::MAX).unwrap();
            while scan.step(&mut found).unwrap() {}
        }
        found.sorted()
    }

    fn values(&self, field: &TagField) -> TagValues {
        let mut found = DistinctValues::new(usize::MAX);
        for row_group in 0..self.reader.row_groups() {
            let scan = self.reader.tag_values(row_group, field, &self.fetched(), u64::MAX);
            let mut scan = scan.unwrap();
            while scan.step(&mut found).unwrap() {}
        }
        found.sorted()
    }
}

fn odd_columns() -> Vec<DedicatedColumn> {
    let columns = concat!(
        r#"[{"n":"http.method"},{"n":"db.statement","o":["blob"]},"#,
        r#"{"n":"http.status_code","t":"int"},{"n":"a.str","o":["array"]},"#,
        r#"{"s":"resource","n":"process.pid","t":"int"},"#,
        r#"{"s":"event","n":"exception.stacktrace","o":["blob"]}]"#
    );
    serde_json::from_str(columns).unwrap()
}

/// Blocks with one and with several row groups, with and without columns for some attributes.
fn blocks() -> Vec<FinishedBlock> {
    let mut small = options(odd_columns());
    small.row_group_bytes = 25_000;
    let all = [options(default_dedicated_columns()), options(Vec::new()), small];
    all.into_iter().map(|options| encode(&corpus(), options)).collect()
}

fn fields(names: &TagNames) -> Vec<TagField> {
    let mut fields = vec![
        TagField::Name,
        TagField::RootName,
        TagField::RootService,
        TagField::ScopeName,
        TagField::ScopeVersion,
        TagField::EventName,
    ];
    for scope in TagScope::ALL {
        fields.extend(names.of(scope).iter().map(|key| TagField::Attribute {
            scope,
            key: String::from_utf8_lossy(key).into_owned(),
        }));
    }
    fields
}

#[test]
fn every_value_of_every_field_may_be_there() {
    for block in blocks() {
        let (filters, columns) = (Filters::of(&block), Columns::of(&block));
        let mut denied = 0;
        for field in fields(&columns.names()) {
            let (place, key) = Place::of_field(&field).unwrap();
            let hash = KeyHash::of(place, key);
            assert!(filters.may_hold(hash.present(), None), "{field:?}");
            let values = columns.values(&field);
            for text in values.strings.iter() {
                assert!(filters.may_hold(hash.string(text), Some(hash)), "{field:?} {text:?}");
            }
            for number in values.ints {
                assert!(filters.may_hold(hash.int(number), Some(hash)), "{field:?} {number}");
            }
            for number in values.floats {
                assert!(filters.may_hold(hash.number(number), Some(hash)), "{field:?} {number}");
            }
            for value in values.bools {
                assert!(filters.may_hold(hash.bool(value), Some(hash)), "{field:?} {value}");
            }
            denied += usize::from(!filters.may_hold(hash.string(b"no such value"), Some(hash)));
        }
        assert!(denied > 50, "{denied}");
        let none = KeyHash::of(Place::Span, b"no.such.key");
        assert!(!filters.may_hold(none.present(), None));
    }
}

#[test]
fn the_summary_has_the_names_and_values_of_the_columns() {
    for block in blocks() {
        let (filters, columns) = (Filters::of(&block), Columns::of(&block));
        let names = columns.names();
        assert_eq!(filters.names(), names);
        let (mut listed_fields, mut unlisted) = (0, 0);
        for field in fields(&names) {
            let Some(listed) = filters.values(&field) else {
                unlisted += 1;
                continue;
            };
            listed_fields += 1;
            // As text, since one of them is not a number.
            assert_eq!(format!("{listed:?}"), format!("{:?}", columns.values(&field)), "{field:?}");
        }
        assert!(unlisted * 4 < listed_fields, "{unlisted} beside {listed_fields}");
    }
}

#[test]
fn every_trace_id_may_be_there() {
    for block in blocks() {
        let filters = Filters::of(&block);
        for id in traces_of(&corpus()).keys() {
            let entry = id_filter::entry(id);
            let part = filters.directory.ids_shard_for(entry).unwrap();
            assert!(part.shard(filters.slice(part.range())).unwrap().may_hold(entry));
        }
    }
}

#[test]
fn shards_over_ids_are_whole_in_the_front_of_an_ordinary_object() {
    for block in blocks() {
        let Filters { object, directory } = Filters::of(&block);
        let front = object.slice(..object.len().min(FIRST_BYTES as usize));
        let found: Vec<_> = directory.ids_shards_in(&front).collect();
        let ids = directory.ids_range().unwrap();
        assert_eq!(
            found.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>(),
            ids.end - ids.start
        );
        assert!(
            found.iter().all(|(part, bytes)| object
                .slice(part.range().start as usize..)
                .starts_with(bytes))
        );
        // What is cut off or damaged is left out.
        let cut = front.slice(..ids.end as usize - 1);
        assert!(directory.ids_shards_in(&cut).count() < found.len());
        let mut damaged = front.to_vec();
        damaged[ids.start as usize] ^= 1;
        assert_eq!(directory.ids_shards_in(&damaged.into()).count(), found.len() - 1);
    }
}

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/filters-v1.bin");
/// As it was written when pages over keys and values came first.
const FIXTURE_IDS_LATER: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/filters-v1-ids-later.bin");
const FIXTURE_BLOCK: uuid::Uuid = uuid::Uuid::from_u128(0x0102_0304_0506_4708_890a_0b0c_0d0e_0f10);

/// A little of everything.
fn fixture() -> Bytes {
    let mut gathered = Gathered::default();
    for (place, key) in [(Place::Resource, "service.name"), (Place::Span, "k"), (Place::Name, "")] {
        let number = gathered.key(place, key.as_bytes()).unwrap();
        gathered.present(number);
        [&b""[..], b"a", b"b\xff"].iter().for_each(|text| gathered.string(number, text));
        [i64::MIN, -1, 0, 200].iter().for_each(|value| gathered.int(number, *value));
        [0.5, f64::INFINITY].iter().for_each(|value| gathered.float(number, *value));
        gathered.bool(number, true);
    }
    let long = gathered.key(Place::Event, b"long").unwrap();
    gathered.present(long);
    gathered.leave_out(long);
    (0..20).for_each(|id| gathered.id(&stringendo_proto::TraceId([id; 16])));
    let mut assembly = Assembly::new(gathered, FIXTURE_BLOCK);
    std::iter::from_fn(|| Some(assembly.step())).flatten().next().unwrap()
}

#[test]
fn the_format_is_that_of_version_1() {
    let written = fixture();
    if std::fs::read(FIXTURE).ok().as_deref() != Some(&*written) {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/filters-v1.bin");
        std::fs::write(path, &written).unwrap();
        panic!("the format has changed (docs/format/filters.md); {path} is what is written now");
    }
}

#[test]
fn an_object_of_version_1_is_read() {
    read_object(FIXTURE);
}

#[test]
fn an_object_with_its_parts_in_another_order_is_read() {
    read_object(FIXTURE_IDS_LATER);
}

fn read_object(path: &str) {
    let object = Bytes::from(std::fs::read(path).unwrap());
    let filters =
        Filters { object: &object, directory: Directory::decode(&object, &FIXTURE_BLOCK).unwrap() };
    let key = KeyHash::of(Place::Span, b"k");
    assert!(filters.may_hold(key.string(b"b\xff"), Some(key)));
    assert!(filters.may_hold(key.int(200), Some(key)));
    assert!(!filters.may_hold(key.int(201), Some(key)));
    let long = KeyHash::of(Place::Event, b"long");
    assert!(filters.may_hold(long.string(b"anything"), Some(long)));
    let field = TagField::Attribute { scope: TagScope::Span, key: "k".into() };
    let values = filters.values(&field).unwrap();
    assert_eq!(values.ints, [i64::MIN, -1, 0, 200]);
    assert_eq!(values.strings.iter().collect::<Vec<_>>(), [&b""[..], b"a", b"b\xff"]);
    let ids = id_filter::IdFilter::of_object(&object, &FIXTURE_BLOCK).unwrap();
    assert!((0..20).all(|id| ids.may_hold(&stringendo_proto::TraceId([id; 16]))));
}
