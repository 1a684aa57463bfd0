//! Every key that a Tempo configuration may hold, with its type and what becomes of it.
//!
//! One table, cut into files by top-level block. [`crate::check`] walks a file's tree along it;
//! nothing else decides whether a key is known. To serve a key, read it in [`crate::build`] and
//! change its state here.

use crate::value::Kind;

mod distributor;
mod metrics_generator;
mod overrides;
mod read_side;
mod server;
mod shared;
mod storage;
mod top;
mod write_side;

/// The table.
pub const ROOT: &[Row] = top::ROWS;

/// Switches that are not served yet and on by default: for them `false` asks for something.
pub const ON_BY_DEFAULT: [&str; 4] = [
    "multi_tenant_queries_enabled",
    "keep_alives_enabled",
    "request_with_weights",
    "retry_with_weights",
];

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub enum Row {
    /// Keys of one type and fate.
    Keys {
        /// Their names, separated by blanks.
        names: &'static str,
        /// What becomes of them.
        state: State,
        /// What they hold.
        shape: Shape,
    },
    /// The rows of another table, in this block too.
    Of(&'static [Row]),
}

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// One value.
    One(Kind),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A block with keys of its own.
    Block(&'static [Row]),
    /// A map whose keys the user chooses.
    Map(&'static Shape),
    /// A list of such things.
    List(&'static Shape),
    /// A block whose keys may carry an instance name after `/`; other keys are fatal.
    Instances(&'static [Row]),
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does what it says.
    Served,
    /// Accepted with a warning: the server does not do this yet.
    NotYetServed,
    /// Accepted silently: it has no meaning here, or the removed feature is not missed.
    NoEffect,
    /// Fatal: the server does not do this yet, and running without would not be what was asked for.
    Refused,
    /// Another name, accepted by some Tempo, of this path.
    Alias(&'static str),
    /// Like an alias, but Tempo refuses it or wants it gone, so there is a warning.
    Misplaced(&'static str),
}

/// A key of the table, its path spelled out; `*` stands for names that the user chooses, `[]` for
/// items of a list.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// Dotted path.
    pub path: String,
    /// What becomes of it, blocks around it considered.
    pub state: State,
    /// What it holds.
    pub shape: Shape,
}

/// Every key of the table, blocks before what is in them.
#[must_use]
pub fn known_keys() -> Vec<KnownKey> {
    let mut keys = Vec::new();
    collect(ROOT, "", None, &mut keys);
    keys
}

fn collect(rows: &'static [Row], prefix: &str, outer: Option<State>, keys: &mut Vec<KnownKey>) {
    each(rows, &mut |name, state, shape| {
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        let state = outer.unwrap_or(state);
        keys.push(KnownKey { path: path.clone(), state, shape });
        collect_inside(shape, path, inherited(state), keys);
    });
}

fn collect_inside(shape: Shape, path: String, outer: Option<State>, keys: &mut Vec<KnownKey>) {
    match shape {
        Shape::One(_) | Shape::Word(_) => {}
        Shape::Block(rows) | Shape::Instances(rows) => collect(rows, &path, outer, keys),
        Shape::Map(inside) => collect_inside(*inside, path + ".*", outer, keys),
        Shape::List(inside) => collect_inside(*inside, path + "[]", outer, keys),
    }
}

/// The state that a block imposes on what is in it.
#[must_use]
pub fn inherited(state: State) -> Option<State> {
    match state {
        State::Served | State::Alias(_) | State::Misplaced(_) => None,
        other => Some(other),
    }
}

/// Calls `visit` with name, state and shape of each key of the rows.
pub fn each(rows: &'static [Row], visit: &mut dyn FnMut(&'static str, State, Shape)) {
    for row in rows {
        match row {
            Row::Of(rows) => each(rows, visit),
            Row::Keys { names, state, shape } => {
                names.split_whitespace().for_each(|name| visit(name, *state, *shape));
            }
        }
    }
}

/// The key of this name among the rows.
#[must_use]
pub fn find(rows: &'static [Row], name: &str) -> Option<(State, Shape)> {
    rows.iter().find_map(|row| match row {
        Row::Of(rows) => find(rows, name),
        Row::Keys { names, state, shape } => {
            names.split_whitespace().any(|known| known == name).then_some((*state, *shape))
        }
    })
}

/// The state of a path without wildcards, blocks around it considered.
#[must_use]
pub fn state_of(path: &str) -> Option<State> {
    let (mut rows, mut outer) = (ROOT, None);
    let mut names = path.split('.').peekable();
    loop {
        let (state, shape) = find(rows, names.next()?)?;
        let state = outer.unwrap_or(state);
        if names.peek().is_none() {
            return Some(state);
        }
        outer = inherited(state);
        rows = match shape {
            Shape::Block(inside) => inside,
            _ => return None,
        };
    }
}

const BOOL: Shape = Shape::One(Kind::Bool);
const INT: Shape = Shape::One(Kind::Int);
const SIZE: Shape = Shape::One(Kind::Size);
const PORT: Shape = Shape::One(Kind::Port);
const FLOAT: Shape = Shape::One(Kind::Float);
const SPAN: Shape = Shape::One(Kind::Span);
const TEXT: Shape = Shape::One(Kind::Text);
const TEXTS: Shape = Shape::One(Kind::Texts);
const FLOATS: Shape = Shape::One(Kind::Floats);
const ADDRESS: Shape = Shape::One(Kind::Address);
const ANY: Shape = Shape::One(Kind::Any);
const TEXT_MAP: Shape = Shape::Map(&TEXT);

const fn served(names: &'static str, shape: Shape) -> Row {
    Row::Keys { names, state: State::Served, shape }
}

const fn later(names: &'static str, shape: Shape) -> Row {
    Row::Keys { names, state: State::NotYetServed, shape }
}

const fn none(names: &'static str, shape: Shape) -> Row {
    Row::Keys { names, state: State::NoEffect, shape }
}

const fn refused(names: &'static str, shape: Shape) -> Row {
    Row::Keys { names, state: State::Refused, shape }
}

const fn alias(name: &'static str, shape: Shape, path: &'static str) -> Row {
    Row::Keys { names: name, state: State::Alias(path), shape }
}

const fn misplaced(name: &'static str, shape: Shape, path: &'static str) -> Row {
    Row::Keys { names: name, state: State::Misplaced(path), shape }
}

#[cfg(test)]
#[path = "known_keys_tests.rs"]
mod tests;
