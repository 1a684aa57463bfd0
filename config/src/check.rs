//! Holds a file's tree against the table of known keys.
//!
//! In: the tree as written. Out: the same tree with aliases moved to the paths they stand for, and
//! the warnings; types are right everywhere afterwards. Does not know what values mean.

use crate::known_keys::{ON_BY_DEFAULT, ROOT, Row, Shape, State, find, inherited, state_of};
use crate::node::{Entry, Node, Place, Value};
use crate::value::FromNode;
use crate::warning::{ConfigError, Warning, WarningKind};

/// How many errors one message names.
const ERRORS_SHOWN: usize = 8;

/// Checks the tree and moves aliases.
///
/// # Errors
/// Names every wrong type (the first few of them) with line and key; in strict mode unknown keys
/// too.
pub fn check(tree: &mut Node, strict: bool) -> Result<Vec<Warning>, ConfigError> {
    let mut walk = Walk { strict, ..Walk::default() };
    walk.block(tree, ROOT, "", None);
    if !walk.errors.is_empty() {
        let more = walk.errors.len().saturating_sub(ERRORS_SHOWN);
        walk.errors.truncate(ERRORS_SHOWN);
        let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
        return Err(ConfigError::Invalid(walk.errors.join("; ") + &tail));
    }
    for (from, to) in &walk.moves {
        let target_is_free = tree.at(to).is_none_or(Node::is_null);
        match tree.remove(from) {
            Some(node) if target_is_free => tree.set(to, node),
            _ => {}
        }
    }
    Ok(walk.warnings)
}

#[derive(Default)]
struct Walk {
    strict: bool,
    warnings: Vec<Warning>,
    errors: Vec<String>,
    moves: Vec<(String, String)>,
}

impl Walk {
    fn block(&mut self, node: &Node, rows: &'static [Row], path: &str, outer: Option<State>) {
        if !self.is_map(node, path) {
            return;
        }
        for entry in node.entries() {
            let path = join(path, &entry.key);
            match find(rows, &entry.key) {
                Some((state, shape)) => self.known(entry, &path, state, shape, outer),
                None => self.unknown(entry, &path),
            }
        }
    }

    fn instances(&mut self, node: &Node, rows: &'static [Row], path: &str, outer: Option<State>) {
        if !self.is_map(node, path) {
            return;
        }
        for entry in node.entries() {
            let path = join(path, &entry.key);
            let (kind, name) = entry.key.split_once('/').unwrap_or((&entry.key, "-"));
            match find(rows, kind) {
                Some(_) if name.is_empty() => {
                    self.error(&entry.place, &path, "nothing follows the `/`");
                }
                Some((state, shape)) => self.known(entry, &path, state, shape, outer),
                None => self.error(&entry.place, &path, &unknown_instance(rows)),
            }
        }
    }

    fn is_map(&mut self, node: &Node, path: &str) -> bool {
        let fits = matches!(node.value, Value::Map(_) | Value::Null);
        if !fits {
            let what = if path.is_empty() { "the file" } else { path };
            self.error(&node.place, what, "expected a map of keys");
        }
        fits
    }

    /// `outer` is the state of a block around the key, which was spoken of there.
    fn known(
        &mut self,
        entry: &Entry,
        path: &str,
        state: State,
        shape: Shape,
        outer: Option<State>,
    ) {
        // An empty block is valid everywhere, and says nothing.
        if outer.is_none() && says_something(&entry.node) {
            self.fate(entry, path, state);
        }
        self.shape(&entry.node, shape, path, outer.or(inherited(state)));
    }

    fn fate(&mut self, entry: &Entry, path: &str, state: State) {
        match state {
            State::Served | State::NoEffect => {}
            State::NotYetServed if !asks_for_something(entry) => {}
            State::NotYetServed => self.not_yet(&entry.place, path),
            State::Refused => {
                self.error(&entry.place, path, "not supported yet; refused rather than ignored");
            }
            State::Alias(to) => self.moved(entry, path, to, false),
            State::Misplaced(to) => self.moved(entry, path, to, true),
        }
    }

    fn moved(&mut self, entry: &Entry, path: &str, to: &str, warn: bool) {
        if warn {
            let text = format!("`{path}` is taken as `{to}`; write that instead");
            self.warn(WarningKind::Deprecated, &entry.place, text);
        }
        if state_of(to) == Some(State::NotYetServed) {
            self.not_yet(&entry.place, to);
        }
        self.moves.push((path.to_owned(), to.to_owned()));
    }

    fn shape(&mut self, node: &Node, shape: Shape, path: &str, outer: Option<State>) {
        match shape {
            Shape::Block(rows) => self.block(node, rows, path, outer),
            Shape::Instances(rows) => self.instances(node, rows, path, outer),
            Shape::One(kind) => {
                if let Err(why) = kind.check(node) {
                    self.error(&node.place, path, &why);
                }
            }
            Shape::Word(words) => self.word(node, words, path),
            Shape::Map(inside) => {
                if self.is_map(node, path) {
                    for entry in node.entries() {
                        self.shape(&entry.node, *inside, &join(path, &entry.key), outer);
                    }
                }
            }
            Shape::List(inside) => self.list(node, *inside, path, outer),
        }
    }

    fn list(&mut self, node: &Node, inside: Shape, path: &str, outer: Option<State>) {
        match &node.value {
            Value::Null => {}
            Value::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.shape(item, inside, &format!("{path}[{i}]"), outer);
                }
            }
            _ => self.error(&node.place, path, "expected a list"),
        }
    }

    fn word(&mut self, node: &Node, words: &[&str], path: &str) {
        if node.is_null() {
            return;
        }
        match String::from_node(node) {
            Ok(word) if words.contains(&word.as_str()) => {}
            Ok(word) => {
                let named: Vec<_> = words.iter().filter(|word| !word.is_empty()).copied().collect();
                let why = format!("`{word}` is none of {}", named.join(", "));
                self.error(&node.place, path, &why);
            }
            Err(why) => self.error(&node.place, path, &why),
        }
    }

    fn unknown(&mut self, entry: &Entry, path: &str) {
        if self.strict {
            self.error(&entry.place, path, "no such key");
        } else {
            let text = format!("`{path}`: no such key; it is ignored");
            self.warn(WarningKind::UnknownKey, &entry.place, text);
        }
    }

    fn not_yet(&mut self, place: &Place, path: &str) {
        let text = format!("`{path}` is accepted but not served yet; it has no effect");
        self.warn(WarningKind::NotYetServed, place, text);
    }

    fn warn(&mut self, kind: WarningKind, place: &Place, text: String) {
        self.warnings.push(Warning { kind, place: Some(place.clone()), text });
    }

    fn error(&mut self, place: &Place, path: &str, why: &str) {
        self.errors.push(format!("{place}: `{path}`: {why}"));
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Whether there is any value in it: empty blocks and nulls say nothing.
fn says_something(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::Scalar { .. } => true,
        Value::List(items) => !items.is_empty(),
        Value::Map(entries) => entries.iter().any(|entry| says_something(&entry.node)),
    }
}

/// Whether a key that is not served wants something: switched off, or empty, it does not.
fn asks_for_something(entry: &Entry) -> bool {
    match &entry.node.value {
        Value::Null => false,
        Value::Scalar { text, .. } if text.is_empty() => false,
        Value::Scalar { .. } => {
            ON_BY_DEFAULT.contains(&entry.key.as_str()) || bool::from_node(&entry.node) != Ok(false)
        }
        Value::List(items) => !items.is_empty(),
        Value::Map(entries) => entries.iter().any(asks_for_something),
    }
}

fn unknown_instance(rows: &'static [Row]) -> String {
    let mut names = Vec::new();
    crate::known_keys::each(rows, &mut |name, _, _| names.push(name));
    format!("unknown type; known are {}", names.join(", "))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
