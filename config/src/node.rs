//! The YAML file as a tree that remembers where everything stood.
//!
//! From the file's text to [`Node`]s: scalars keep the text as written, because only the schema
//! knows what type a key has. Next: [`crate::check`] checks the tree, [`crate::raw`] reads values
//! out of it. Duplicate keys, cycles, excessive depth and aliases that blow up are refused here.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;
use std::fmt;

/// Maps and lists within one another; no configuration needs a tenth of it.
const DEPTH_MAX: usize = 64;
/// Nodes of one file after aliases are expanded; bounds the memory of a hostile file.
const NODES_MAX: usize = 200_000;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Line of the YAML file, from 1.
    Line(usize),
    /// Name of a command-line flag, without its dash.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Flag(name) => write!(f, "flag -{name}"),
        }
    }
}

/// A value and where it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was given.
    pub place: Place,
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// A scalar's text; `plain` if it was not quoted, so that it may be a number or a boolean.
    Scalar {
        /// The text, quotes resolved.
        text: String,
        /// Whether it was written without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file; no key twice.
    Map(Vec<Entry>),
}

/// One key of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stood.
    pub place: Place,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// A plain scalar.
    #[must_use]
    pub fn plain(text: &str, place: Place) -> Self {
        Self { value: Value::Scalar { text: text.to_owned(), plain: true }, place }
    }

    /// Whether this says nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Entries of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of one key of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The value at a dotted path.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| node.get(key))
    }

    /// Sets the value at a dotted path and makes the maps on the way.
    pub fn set(&mut self, path: &str, node: Self) {
        let (key, rest) = path.split_once('.').map_or((path, None), |(k, r)| (k, Some(r)));
        let child = self.child(key, &node.place);
        match rest {
            Some(rest) => child.set(rest, node),
            None => *child = node,
        }
    }

    /// Takes the value at a dotted path out of the tree.
    pub fn remove(&mut self, path: &str) -> Option<Self> {
        let Value::Map(entries) = &mut self.value else { return None };
        let (key, rest) = path.split_once('.').map_or((path, None), |(k, r)| (k, Some(r)));
        let index = entries.iter().position(|entry| entry.key == key)?;
        match rest {
            Some(rest) => entries[index].node.remove(rest),
            None => Some(entries.remove(index).node),
        }
    }

    fn child(&mut self, key: &str, place: &Place) -> &mut Self {
        if !matches!(self.value, Value::Map(_)) {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { unreachable!("set just above") };
        let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
            let node = Self { value: Value::Null, place: place.clone() };
            entries.push(Entry { key: key.to_owned(), place: place.clone(), node });
            entries.len() - 1
        });
        &mut entries[index].node
    }
}

/// Reads one YAML document; an empty file is an empty map.
///
/// # Errors
/// Text with the line: not YAML, a key twice, more than one document, too deep, too large.
pub fn parse(text: &str) -> Result<Node, String> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes_left: NODES_MAX,
    };
    let document = reader.document()?;
    Ok(document.unwrap_or(Node { value: Value::Map(Vec::new()), place: Place::Line(1) }))
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes_left: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), String> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, line(&span))),
            Some(Err(e)) => Err(format!("line {}: not YAML: {}", e.marker().line(), e.info())),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, String> {
        let mut found = None;
        loop {
            let (event, line) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(found),
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::Nothing => {}
                _ if found.is_some() => {
                    return Err(format!("line {line}: a second YAML document; one is expected"));
                }
                event => found = Some(self.node(event, line, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Node, String> {
        if depth > DEPTH_MAX {
            return Err(format!("line {line}: nested more than {DEPTH_MAX} deep"));
        }
        self.charge(1, line)?;
        let (value, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, line),
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            other => return Err(format!("line {line}: not YAML: unexpected {other:?}")),
        };
        let node = Node { value, place: Place::Line(line) };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, line: usize) -> Result<Node, String> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(format!("line {line}: alias to an anchor that is not complete"));
        };
        self.charge(size(&node), line)?;
        Ok(node)
    }

    fn charge(&mut self, nodes: usize, line: usize) -> Result<(), String> {
        self.nodes_left = self
            .nodes_left
            .checked_sub(nodes)
            .ok_or_else(|| format!("line {line}: more than {NODES_MAX} values"))?;
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        loop {
            let (event, line) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::List(items));
            }
            items.push(self.node(event, line, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, String> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, line) = self.next()?;
            let (key, plain) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, _, _) => (text, style == ScalarStyle::Plain),
                _ => return Err(format!("line {line}: a key must be text")),
            };
            let (event, value_line) = self.next()?;
            let node = self.node(event, value_line, depth + 1)?;
            if plain && key == "<<" {
                merge(&mut merged, node, line)?;
                continue;
            }
            if let Some(first) = lines.insert(key.to_string(), line) {
                return Err(format!(
                    "line {line}: key `{key}` is already set in map (first on line {first})"
                ));
            }
            entries.push(Entry { key: key.into_owned(), place: Place::Line(line), node });
        }
        entries.extend(merged.into_iter().filter(|entry| !lines.contains_key(&entry.key)));
        Ok(Value::Map(entries))
    }
}

/// Takes the entries of a `<<` key: one map, or a list of maps of which the earlier wins.
fn merge(into: &mut Vec<Entry>, node: Node, line: usize) -> Result<(), String> {
    match node.value {
        Value::Map(entries) => {
            for entry in entries {
                if into.iter().all(|known| known.key != entry.key) {
                    into.push(entry);
                }
            }
            Ok(())
        }
        Value::List(nodes) => nodes.into_iter().try_for_each(|node| merge(into, node, line)),
        _ => Err(format!("line {line}: `<<` needs a map")),
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let plain = style == ScalarStyle::Plain;
    if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar { text: text.to_owned(), plain }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => entries.iter().map(|entry| size(&entry.node)).sum(),
        _ => 0,
    }
}

fn line(span: &Span) -> usize {
    span.start.line()
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
