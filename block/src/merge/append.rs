//! Copies runs of rows from decoded pages into the encoder's columns, one column after the other.
//!
//! From: [`super::order`], which says what comes next. To: [`crate::encode::splice`]. No value is
//! looked at: codes become those of the new dictionary through a table per column and input.

use super::input::{Input, string_bytes};
use super::order::{Batch, Run};
use super::shape::{Children, Owners};
use crate::encode::column::AnyColumn;
use crate::encode::levels::{List, Lists};
use crate::encode::splice::Appended;
use crate::encode::values::{CodeMap, Source};
use crate::encode::{BlockEncoder, EncodeError};
use crate::read::ReadError;
use crate::read::stream::PageView;
use crate::schema::Leaf;

/// Why rows could not be appended.
pub(super) enum Failed {
    /// The number of an input, and what is wrong with it.
    Input(usize, ReadError),
    Output(EncodeError),
}

/// What is kept from batch to batch.
pub(super) struct Appender {
    leaves: Vec<Leaf>,
    /// A leaf with one value per element, for each of [`List::NESTED`].
    heads: Vec<usize>,
    /// By leaf.
    lists: Vec<List>,
    is_required: Vec<bool>,
    /// By leaf, then input.
    codes: Vec<Vec<CodeMap>>,
    owners: Vec<Vec<Known<Owners>>>,
    /// By number in [`List::NESTED`], then input.
    children: Vec<Vec<Known<Children>>>,
    /// Row groups that were ended: in a new one all codes are new.
    row_groups: usize,
    /// Elements that were on the page before each run, by list.
    begins: Vec<Vec<u32>>,
}

/// What is known of a page.
#[derive(Default)]
struct Known<T> {
    /// The page's first row.
    page: Option<u64>,
    of: T,
}

impl Appender {
    pub(super) fn new(inputs: usize, encoder: &BlockEncoder) -> Self {
        let leaves = encoder.schema().leaves.clone();
        fn each<T: Default>(inputs: usize, times: usize) -> Vec<Vec<T>> {
            let of_inputs = || std::iter::repeat_with(T::default).take(inputs).collect();
            std::iter::repeat_with(of_inputs).take(times).collect()
        }
        Self {
            codes: each(inputs, leaves.len()),
            owners: each(inputs, leaves.len()),
            children: each(inputs, List::NESTED.len()),
            leaves,
            heads: Vec::new(),
            lists: Vec::new(),
            is_required: Vec::new(),
            row_groups: 0,
            begins: vec![Vec::new(); List::NESTED.len() + 1],
        }
    }

    /// An input goes on with other dictionaries and pages.
    pub(super) fn forget_codes(&mut self, input: usize) {
        self.codes.iter_mut().for_each(|of_inputs| of_inputs[input].clear());
        self.owners.iter_mut().for_each(|of_inputs| of_inputs[input].page = None);
        self.children.iter_mut().for_each(|of_inputs| of_inputs[input].page = None);
    }

    /// Bytes of memory held.
    pub(super) fn memory_bytes(&self) -> usize {
        let codes: usize = self.codes.iter().flatten().map(CodeMap::memory_bytes).sum();
        let owners = self.owners.iter().flatten().map(|known| known.of.memory_bytes());
        let children = self.children.iter().flatten().map(|known| known.of.memory_bytes());
        codes + owners.sum::<usize>() + children.sum::<usize>()
    }

    /// Appends all rows of a batch.
    pub(super) fn append(
        &mut self,
        inputs: &mut [Input],
        batch: &Batch,
        encoder: &mut BlockEncoder,
    ) -> Result<(), Failed> {
        if self.row_groups != encoder.row_groups() {
            self.row_groups = encoder.row_groups();
            self.codes.iter_mut().flatten().for_each(CodeMap::clear);
        }
        let mut appended = Appended::default();
        appended.add(List::Rows, batch.ids.len() as u64);
        let (mut columns, lists) = encoder.columns();
        self.learn_columns(&columns);
        self.append_lists(inputs, &batch.runs, &columns, lists, &mut appended)?;
        for (leaf, column) in columns.iter_mut().enumerate() {
            self.append_column(inputs, &batch.runs, leaf, *column, &mut appended)?;
        }
        encoder.count_appended(&batch.ids, &appended).map_err(Failed::Output)
    }

    fn learn_columns(&mut self, columns: &[&mut dyn AnyColumn]) {
        if !self.lists.is_empty() {
            return;
        }
        self.lists = columns.iter().map(|column| column.list()).collect();
        self.is_required = columns.iter().map(|column| column.is_required()).collect();
        let head = |list: List| {
            let is_head = |leaf: &usize| self.is_required[*leaf] && self.lists[*leaf] == list;
            (0..columns.len()).find(is_head).unwrap_or(0)
        };
        self.heads = List::NESTED.into_iter().map(head).collect();
    }

    /// Appends how many elements every parent has, and notes where the elements of runs begin.
    fn append_lists(
        &mut self,
        inputs: &[Input],
        runs: &[Run],
        columns: &[&mut dyn AnyColumn],
        lists: &mut Lists,
        appended: &mut Appended,
    ) -> Result<(), Failed> {
        let rows = runs.iter().scan(0, |at, run| {
            let begin = *at;
            *at += (run.rows.end - run.rows.start) as u32;
            Some(begin)
        });
        self.begins[List::Rows as usize].clear();
        self.begins[List::Rows as usize].extend(rows);
        self.begins[List::Rows as usize].push(appended.of(List::Rows) as u32);
        for (number, list) in List::NESTED.into_iter().enumerate() {
            let head = self.heads[number];
            let mut begins = std::mem::take(&mut self.begins[list as usize]);
            begins.clear();
            begins.push(columns[head].len() as u32);
            for (at, run) in runs.iter().enumerate() {
                let parents = self.elements_of_run(list.parent(), at);
                let known = &mut self.children[number][run.input];
                let counts = known.of_run(&inputs[run.input], run, head, list);
                let counts = counts.filter(|(counts, _)| counts.len() == parents);
                let Some((counts, elements)) = counts else {
                    let error = inputs[run.input].damaged(head, CONTRADICTION);
                    return Err(Failed::Input(run.input, error));
                };
                lists.extend(list, counts);
                begins.push(begins[at] + elements);
            }
            appended.add(list, u64::from(begins[runs.len()] - begins[0]));
            self.begins[list as usize] = begins;
        }
        Ok(())
    }

    /// How many elements of a list the rows of a run have.
    fn elements_of_run(&self, list: List, run: usize) -> usize {
        let begins = &self.begins[list as usize];
        (begins[run + 1] - begins[run]) as usize
    }

    fn append_column(
        &mut self,
        inputs: &[Input],
        runs: &[Run],
        leaf: usize,
        column: &mut dyn AnyColumn,
        appended: &mut Appended,
    ) -> Result<(), Failed> {
        let (list, is_required) = (self.lists[leaf], self.is_required[leaf]);
        let is_empty = |input: &Input| input.page(leaf).is_none_or(|page| page.is_empty());
        if appended.of(list) == 0 || !is_required && inputs.iter().all(is_empty) {
            return Ok(());
        }
        for (at, run) in runs.iter().enumerate() {
            let input = &inputs[run.input];
            let failed = |what| Failed::Input(run.input, input.damaged(leaf, what));
            let contradiction = || failed(CONTRADICTION);
            let page = input.page(leaf).ok_or_else(contradiction)?;
            let (from, to) = within(run, page.first_row);
            let values = range(&page.levels.row_values, from, to).ok_or_else(contradiction)?;
            let elements = self.elements_of_run(list, at);
            if is_required && values.len() != elements {
                return Err(contradiction());
            }
            if values.is_empty() {
                continue;
            }
            if !is_required {
                let known = &mut self.owners[leaf][run.input];
                let max_def = self.leaves[leaf].max_def as u8;
                let owners = known.of_run(&page, (list.level(), max_def), (from, to));
                let (first, count) = owners.ok_or_else(contradiction)?;
                let of_values = known.of.elements.get(values.clone());
                let of_values =
                    of_values.filter(|_| count == elements).ok_or_else(contradiction)?;
                let shift = self.begins[list as usize][at].wrapping_sub(first);
                column.place_behind(of_values, shift);
            }
            appended.string_bytes += string_bytes(page.values, &values);
            let source = Source { values: page.values, codes: page.codes };
            if !column.append(&source, values, &mut self.codes[leaf][run.input]) {
                return Err(failed("values of another type"));
            }
        }
        Ok(())
    }
}

const CONTRADICTION: &str = "levels contradict those of other columns";

impl Known<Children> {
    /// The counts of the parents in a run's rows, and how many elements these are in all.
    fn of_run(
        &mut self,
        input: &Input,
        run: &Run,
        head: usize,
        list: List,
    ) -> Option<(&[u32], u32)> {
        let page = input.page(head)?;
        if self.page != Some(page.first_row) {
            self.page = Some(page.first_row);
            self.of.read(page.levels, list.level());
        }
        let (from, to) = within(run, page.first_row);
        let counts = self.of.counts.get(range(&self.of.rows, from, to)?)?;
        let elements = range(&page.levels.row_values, from, to)?.len() as u64;
        let sum: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        (sum == elements).then_some((counts, elements as u32))
    }
}

impl Known<Owners> {
    /// The first element of some rows, and how many they have.
    fn of_run(
        &mut self,
        page: &PageView<'_>,
        (level, max_def): (u8, u8),
        (from, to): (usize, usize),
    ) -> Option<(u32, usize)> {
        if self.page != Some(page.first_row) {
            self.page = None;
            if !self.of.read(page.levels, level, max_def) {
                return None;
            }
            self.page = Some(page.first_row);
        }
        let elements = range(self.of.rows(page.levels), from, to)?;
        Some((elements.start as u32, elements.len()))
    }
}

/// The rows of a run on a page.
fn within(run: &Run, first_row: u64) -> (usize, usize) {
    let at = |row: u64| row.saturating_sub(first_row) as usize;
    (at(run.rows.start), at(run.rows.end))
}

/// What begins with row `from` and ends before row `to`.
fn range(rows: &[u32], from: usize, to: usize) -> Option<std::ops::Range<usize>> {
    Some(*rows.get(from)? as usize..*rows.get(to)? as usize)
}
