//! `blocks list`: one line for each live block.

use futures_util::stream::{self, StreamExt};
use serde_json::json;
use stringendo_engine::block_list::BlockEntry;

use super::open::{self, OpenBlock};
use super::text::{Progress, print_table, size};
use super::{Failed, Place};

/// Blocks that are opened at a time: stores take a while for each.
const OPENED_AT_ONCE: usize = 16;

/// Prints the blocks; whether all could be looked at.
pub async fn run(place: &Place, as_json: bool) -> Result<bool, Failed> {
    let found = open::find(place, None).await?;
    let (mut rows, mut progress) = (Vec::new(), Progress::new());
    let (mut bytes, mut traces, mut spans) = (0_u64, 0_u64, 0);
    let mut problems = found.problems;
    problems.iter_mut().for_each(|problem| problem.insert_str(0, "not listed: "));
    let opened = found
        .live
        .iter()
        .map(|entry| async move { (entry, OpenBlock::open_footer(place, entry).await) });
    let mut opened = stream::iter(opened).buffered(OPENED_AT_ONCE);
    let mut number = 0;
    while let Some((entry, opened)) = opened.next().await {
        number += 1;
        progress.at(|| format!("{number} of {} blocks", found.live.len()));
        let spans_of = match opened {
            Ok(block) => Some(block.reader.spans()),
            Err(why) => {
                let (tenant, id) = (&entry.tenant, &entry.meta.block_id);
                problems.push(format!("not opened: {tenant}/{id}: {why}"));
                None
            }
        };
        bytes = bytes.saturating_add(entry.meta.size);
        traces = traces.saturating_add(entry.meta.total_objects);
        spans += spans_of.unwrap_or(0);
        match as_json {
            true => println!("{}", as_line(entry, spans_of)),
            false => rows.push(as_row(entry, spans_of)),
        }
    }
    progress.end();
    if !as_json {
        const HEAD: [&str; 9] =
            ["TENANT", "ID", "VERSION", "SIZE", "TRACES", "SPANS", "FROM", "TO", "LEVEL"];
        let right = [false, false, false, true, true, true, false, false, true];
        print_table(&HEAD, &right, &rows);
        let blocks = found.live.len();
        println!("{blocks} blocks, {}, {traces} traces, {spans} spans", size(bytes));
    }
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    Ok(problems.is_empty())
}

fn as_row(entry: &BlockEntry, spans: Option<u64>) -> Vec<String> {
    let meta = &entry.meta;
    vec![
        entry.tenant.as_str().to_owned(),
        meta.block_id.to_string(),
        meta.format.clone(),
        size(meta.size),
        meta.total_objects.to_string(),
        spans.map_or_else(|| "?".to_owned(), |spans| spans.to_string()),
        meta.start_time.clone(),
        meta.end_time.clone(),
        meta.compaction_level.to_string(),
    ]
}

fn as_line(entry: &BlockEntry, spans: Option<u64>) -> serde_json::Value {
    let meta = &entry.meta;
    json!({
        "tenant": entry.tenant.as_str(),
        "block": meta.block_id.to_string(),
        "version": meta.format,
        "size": meta.size,
        "traces": meta.total_objects,
        "spans": spans,
        "startTime": meta.start_time,
        "endTime": meta.end_time,
        "level": meta.compaction_level,
    })
}
