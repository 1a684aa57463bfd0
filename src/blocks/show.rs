//! `blocks show`: what is in a block, and what takes how much.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stringendo_block::check::ColumnSize;
use stringendo_engine::backend::object;

use super::open::{self, OpenBlock};
use super::text::{print_table, size};
use super::{Failed, Place, text};

/// Largest object of filters that is read.
pub const FILTERS_BYTES_MAX: u64 = 1 << 30;

/// Prints a block.
pub async fn run(place: &Place, block: &str, as_json: bool) -> Result<bool, Failed> {
    let found = open::find(place, Some(block)).await?;
    for entry in &found.live {
        let block = OpenBlock::open(place, entry).await?;
        let (tenant, id) = (&entry.tenant, &entry.meta.block_id);
        let filters =
            place.backend.read_object(tenant, id, object::FILTERS, FILTERS_BYTES_MAX).await;
        let filters = filters.ok().map(|bytes| bytes.len() as u64);
        let meta: Value = serde_json::from_slice(&entry.meta.to_json()).map_err(text)?;
        match as_json {
            true => println!("{:#}", describe(&block, &meta, filters)),
            false => print(&block, &meta, filters),
        }
    }
    found.problems.iter().for_each(|problem| eprintln!("{problem}"));
    Ok(found.problems.is_empty())
}

/// Columns summed over row groups, in the file's order.
fn columns(block: &OpenBlock) -> Vec<ColumnSize> {
    let mut all: Vec<ColumnSize> = Vec::new();
    for row_group in 0..block.reader.row_groups() {
        for (at, column) in block.reader.column_sizes(row_group).into_iter().enumerate() {
            match all.get_mut(at) {
                Some(known) => {
                    known.bytes += column.bytes;
                    known.dictionary_bytes += column.dictionary_bytes;
                    known.entries += column.entries;
                    known.pages = known.pages.zip(column.pages).map(|(a, b)| a + b);
                }
                None => all.push(column),
            }
        }
    }
    all
}

fn describe(block: &OpenBlock, meta: &Value, filters: Option<u64>) -> Value {
    let column = |column: ColumnSize| {
        json!({
            "path": column.path, "type": column.kind, "codec": column.codec,
            "encodings": column.encodings, "bytes": column.bytes,
            "dictionaryBytes": column.dictionary_bytes, "entries": column.entries,
            "pages": column.pages,
        })
    };
    let groups: Vec<_> =
        (0..block.reader.row_groups()).map(|group| row_group(block, group)).collect();
    let groups = groups.iter().map(|(rows, bytes)| json!({"rows": rows, "bytes": bytes}));
    json!({
        "meta": meta,
        "dataBytes": block.data_bytes(),
        "footerBytes": block.reader.footer_bytes(),
        "spans": block.reader.spans(),
        "rowGroups": groups.collect::<Vec<_>>(),
        "columns": columns(block).into_iter().map(column).collect::<Vec<_>>(),
        "filtersBytes": filters,
    })
}

/// Rows and bytes of a row group.
fn row_group(block: &OpenBlock, number: usize) -> (u64, u64) {
    let bytes = block.reader.column_sizes(number).iter().map(|column| column.bytes).sum();
    (block.reader.rows(number).unwrap_or(0), bytes)
}

fn print(block: &OpenBlock, meta: &Value, filters: Option<u64>) {
    println!("{meta:#}\n");
    let filters = filters.map_or_else(|| "none".to_owned(), size);
    println!(
        "data.parquet {}, footer {}, filters {filters}, {} spans",
        size(block.data_bytes()),
        size(block.reader.footer_bytes()),
        block.reader.spans(),
    );
    for number in 0..block.reader.row_groups() {
        let (rows, bytes) = row_group(block, number);
        println!("row group {number}: {rows} traces, {}", size(bytes));
    }
    println!();
    let columns = columns(block);
    let all: u64 = columns.iter().map(|column| column.bytes).sum();
    let rows: Vec<_> = columns.iter().map(|column| row(column, all)).collect();
    const HEAD: [&str; 8] =
        ["COLUMN", "TYPE", "CODEC", "ENCODINGS", "BYTES", "%", "DICTIONARY", "PAGES"];
    let right = [false, false, false, false, true, true, true, true];
    print_table(&HEAD, &right, &rows);
    let mut groups: BTreeMap<&str, u64> = BTreeMap::new();
    for column in &columns {
        let group = column.path.rsplit_once('.').map_or("(trace)", |(group, _)| group);
        *groups.entry(group).or_default() += column.bytes;
    }
    println!();
    let rows: Vec<_> = groups.iter().map(|(group, bytes)| group_row(group, *bytes, all)).collect();
    print_table(&["GROUP", "BYTES", "%"], &[false, true, true], &rows);
}

fn row(column: &ColumnSize, all: u64) -> Vec<String> {
    vec![
        column.path.clone(),
        column.kind.to_owned(),
        column.codec.to_owned(),
        column.encodings.join(","),
        column.bytes.to_string(),
        percent(column.bytes, all),
        column.dictionary_bytes.to_string(),
        column.pages.map_or_else(|| "?".to_owned(), |pages| pages.to_string()),
    ]
}

fn group_row(group: &str, bytes: u64, all: u64) -> Vec<String> {
    vec![group.to_owned(), bytes.to_string(), percent(bytes, all)]
}

fn percent(bytes: u64, all: u64) -> String {
    format!("{:.1}", bytes as f64 * 100.0 / all.max(1) as f64)
}
