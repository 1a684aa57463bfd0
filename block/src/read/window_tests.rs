#![allow(clippy::unwrap_used)]
use bytes::Bytes;
use proptest::prelude::*;

use super::super::levels::KnownLevels;
use super::super::page::Codec;
use super::super::values::Physical;
use super::*;
use crate::encode::rle;

const MAX_DEF: u8 = 5;

fn column(max_rep: u8) -> ColumnKind {
    let (physical, codec) = (Physical::Int64, Codec::None);
    ColumnKind { physical, codec, max_rep, max_def: MAX_DEF, is_framed: false }
}

/// Levels of a page: those of each row, of which the first repeats nothing.
fn pages() -> impl Strategy<Value = (u8, Vec<Vec<(u8, u8)>>)> {
    (1..=3_u8).prop_flat_map(|max_rep| {
        // Some levels are far more frequent than others, so that there are runs.
        let def = prop_oneof![4 => Just(MAX_DEF), 1 => 0..=MAX_DEF];
        let entry = (prop_oneof![3 => Just(max_rep), 1 => 1..=max_rep], def);
        let row = prop_oneof![
            3 => prop::collection::vec(entry.clone(), 1..4),
            1 => prop::collection::vec(entry, 1..600),
        ];
        let row = row.prop_map(|mut row| {
            row[0].0 = 0;
            row
        });
        (Just(max_rep), prop::collection::vec(row, 1..50))
    })
}

/// Ranges that ascend: every row or every third one begins a new one.
fn ranges(wanted: &[bool]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (row, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
        match ranges.last_mut() {
            Some(last) if last.end == row && row % 3 > 0 => last.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

fn part(levels: &[u8], max: u8) -> Part {
    let mut packed = Vec::new();
    rle::encode_levels(levels, bit_width(max), &mut packed);
    Part::Plain(Bytes::from(packed))
}

proptest! {
    #[test]
    fn some_rows_have_the_levels_and_values_that_they_have_among_all(
        (max_rep, page) in pages(),
        wanted in prop::collection::vec(prop::bool::weighted(0.3), 50),
        counts_all in any::<bool>(),
    ) {
        let (rep, def): (Vec<u8>, Vec<u8>) = page.iter().flatten().copied().unzip();
        let (column, count) = (column(max_rep), rep.len());
        let (rep, def) = (part(&rep, max_rep), part(&def, MAX_DEF));
        let all = KnownLevels::default().levels(&column, (&rep, &def), count).unwrap();
        let rows: Rows = ranges(&wanted[..page.len()]).into();
        let said = (page.len(), counts_all);
        let window = KnownWindows::default().levels(&column, (&rep, &def), count, (&rows, said));
        let window = window.unwrap();
        prop_assert_eq!(window.page_rows, page.len());
        if counts_all {
            prop_assert_eq!(window.page_values, Some(all.present()));
        }
        let levels_of = |rows: &Range<usize>| {
            all.rep.rows[rows.start] as usize..all.rep.rows[rows.end] as usize
        };
        let values_of = |rows: &Range<usize>| {
            all.row_values[rows.start] as usize..all.row_values[rows.end] as usize
        };
        let of_rows = |levels: &[u8]| -> Vec<u8> {
            rows.iter().flat_map(|it| &levels[levels_of(it)]).copied().collect()
        };
        prop_assert_eq!(&window.levels.rep.levels, &of_rows(&all.rep.levels));
        prop_assert_eq!(&window.levels.def, &of_rows(&all.def));
        prop_assert_eq!(&window.values, &rows.iter().map(values_of).collect::<Vec<_>>());
        prop_assert_eq!(window.levels.rows(), rows.iter().map(Range::len).sum::<usize>());
    }

    #[test]
    fn any_bytes_are_an_error_or_as_many_levels_as_were_asked_for(
        rep in prop::collection::vec(any::<u8>(), 0..40),
        def in prop::collection::vec(any::<u8>(), 0..40),
        count in 0..300_usize,
        wanted in prop::collection::vec(any::<bool>(), 50),
    ) {
        let rows: Rows = ranges(&wanted).into();
        let parts = (Part::Plain(rep.into()), Part::Plain(def.into()));
        let mut known = KnownWindows::default();
        let said = (50, false);
        if let Ok(window) = known.levels(&column(3), (&parts.0, &parts.1), count, (&rows, said)) {
            prop_assert_eq!(window.levels.rows(), rows.iter().map(Range::len).sum::<usize>());
            prop_assert_eq!(window.levels.rep.levels.len(), window.levels.def.len());
        }
    }
}
