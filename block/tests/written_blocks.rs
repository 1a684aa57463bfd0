//! Blocks written from the corpus: what `parquet` reads of them, and files for
//! `tests/python/check_blocks.py`.

#![allow(clippy::unwrap_used)]

mod common;
mod support;

use common::{corpus, encode, options, traces_of, write_block};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::printer::print_schema;
use stringendo_block::meta::{DedicatedColumn, default_dedicated_columns};
use stringendo_block::{EncodeOptions, FinishedBlock, Version, index};
use stringendo_proto::TraceId;

fn reader(block: &FinishedBlock) -> SerializedFileReader<bytes::Bytes> {
    SerializedFileReader::new(block.data.clone()).unwrap()
}

#[test]
fn the_corpus_becomes_a_block_that_the_parquet_crate_reads() {
    let block = encode(&corpus(), options(default_dedicated_columns()));
    let reader = reader(&block);
    assert_eq!(block.meta.total_objects, 208);
    assert_eq!(reader.metadata().file_metadata().num_rows(), 208);
    assert_eq!(reader.metadata().file_metadata().schema_descr().num_columns(), 92);
    assert_eq!(reader.get_row_iter(None).unwrap().map(Result::unwrap).count(), 208);
    write_block("v5", &block);
}

#[test]
fn the_corpus_becomes_a_vparquet4_block_with_tempos_columns() {
    let version = Version::V4;
    let block =
        encode(&corpus(), EncodeOptions { version, ..options(default_dedicated_columns()) });
    let reader = reader(&block);
    let names: Vec<_> =
        block.meta.dedicated_columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        ["http.request.method", "url.path", "url.route", "server.address", "http.route"]
    );
    assert_eq!((block.meta.format.as_str(), block.meta.total_objects), ("vParquet4", 208));
    let of_tempo = support::tempo_block("vparquet4");
    let of_tempo = SerializedFileReader::new(of_tempo.data).unwrap();
    let schema = |reader: &SerializedFileReader<bytes::Bytes>| {
        let mut printed = Vec::new();
        print_schema(&mut printed, reader.metadata().file_metadata().schema());
        String::from_utf8(printed).unwrap()
    };
    assert_eq!(schema(&reader), schema(&of_tempo));
    assert_eq!(reader.get_row_iter(None).unwrap().map(Result::unwrap).count(), 208);
    write_block("v4", &block);
}

#[test]
fn row_groups_and_dedicated_columns_follow_the_options() {
    let columns = concat!(
        r#"[{"n":"http.method"},{"n":"db.statement","o":["blob"]},"#,
        r#"{"n":"http.status_code","t":"int"},{"n":"a.str","o":["array"]},"#,
        r#"{"s":"resource","n":"process.pid","t":"int"},"#,
        r#"{"s":"event","n":"exception.stacktrace","o":["blob"]}]"#
    );
    let columns: Vec<DedicatedColumn> = serde_json::from_str(columns).unwrap();
    let mut options = options(columns);
    options.row_group_bytes = 25_000;
    options.bloom_shard_bytes = 100;
    let block = encode(&corpus(), options);
    let reader = reader(&block);
    assert!(block.meta.total_records >= 4, "{}", block.meta.total_records);
    assert_eq!(reader.num_row_groups(), block.meta.total_records as usize);
    assert_eq!(block.meta.bloom_shards, 3);
    assert_eq!(index::parse(&block.index).unwrap().len(), reader.num_row_groups());
    assert_eq!(reader.get_row_iter(None).unwrap().map(Result::unwrap).count(), 208);
    write_block("v5-dedicated", &block);
}

#[test]
fn a_block_without_traces_is_a_file_without_rows() {
    let block = encode(&[], options(Vec::new()));
    assert_eq!(reader(&block).num_row_groups(), 0);
    assert_eq!(block.index, r#"{"rowGroups":null}"#);
    assert_eq!((block.meta.total_objects, block.meta.bloom_shards), (0, 1));
    assert_eq!(block.meta.time_range_unix_nanos(), (0, 0));
}

#[test]
fn the_footer_is_as_long_as_the_meta_says() {
    let block = encode(&corpus(), options(Vec::new()));
    let size = block.data.len();
    assert_eq!(block.meta.size, size as u64);
    let footer = u32::from_le_bytes(*block.data[size - 8..].first_chunk().unwrap());
    assert_eq!(block.meta.footer_size, footer);
}

#[test]
fn the_same_traces_give_the_same_bytes() {
    let once = encode(&corpus(), options(default_dedicated_columns()));
    let again = encode(&corpus(), options(default_dedicated_columns()));
    assert_eq!(once.data, again.data);
}

#[test]
fn traces_out_of_order_are_refused() {
    let chunks = corpus();
    let traces = traces_of(&chunks);
    let mut encoder = stringendo_block::BlockEncoder::new(options(Vec::new()));
    let (id, spans) = traces.iter().next().unwrap();
    encoder.add_trace(&chunks, id, spans).unwrap();
    assert!(encoder.add_trace(&chunks, id, spans).is_err());
    assert!(encoder.add_trace(&chunks, &TraceId([0; 16]), spans).is_err());
}

#[test]
fn a_block_that_ends_with_a_full_page_has_no_empty_one() {
    let chunks = corpus();
    let traces = traces_of(&chunks);
    let parts: Vec<_> = traces.values().flatten().copied().collect();
    let mut encoder = stringendo_block::BlockEncoder::new(options(Vec::new()));
    // Spans are told apart by id and kind, so a page needs many traces.
    for number in 0.. {
        encoder.add_trace(&chunks, &TraceId(u128::to_be_bytes(number)), &parts).unwrap();
        if encoder.write_step().unwrap() {
            break;
        }
    }
    while encoder.write_step().unwrap() {}
    let rows = encoder.traces();
    let mut finishing = encoder.finish();
    let block = std::iter::from_fn(|| Some(finishing.step().unwrap())).find_map(|block| block);
    let reader = reader(&block.unwrap());
    let group = reader.metadata().row_group(0);
    assert_eq!(group.num_rows(), rows as i64);
    let pages = reader.get_row_group(0).unwrap().get_column_page_reader(0).unwrap().count();
    assert_eq!(pages, 1);
}
