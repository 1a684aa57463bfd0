//! The rules, on the text of one file. Pure.

/// Lines of a file of code.
pub const FILE_LINES_MAX: usize = 600;
/// Lines of a function, from `fn` to its closing brace.
pub const FUNCTION_LINES_MAX: usize = 70;
/// Characters of a line of code.
pub const LINE_CHARS_MAX: usize = 100;

/// What is never committed, in Rust. Written in two pieces: this file is looked at too.
const LEFTOVERS: [&str; 3] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!(")];
/// Places of somebody's own machine.
const PRIVATE_PATHS: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/tmp/", "brief"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// What rules a file falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rust.
    Rust,
    /// Other code: length of lines and files.
    Code,
    /// Prose, data, configuration.
    Other,
}

impl Kind {
    /// By the name.
    pub fn of(name: &str) -> Self {
        match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "rs" => Self::Rust,
            "py" | "sh" => Self::Code,
            _ => Self::Other,
        }
    }
}

/// Something that a rule forbids.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// All violations of a file, in order of the rules.
pub fn check(kind: Kind, text: &str) -> Vec<Violation> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = containing(&lines, &PRIVATE_PATHS, "a path of somebody's own machine");
    if kind != Kind::Other {
        found.extend(long_lines(&lines));
        found.extend(long_file(&lines));
    }
    if kind == Kind::Rust {
        found.extend(containing(&lines, &LEFTOVERS, "left over"));
        found.extend(long_functions(&lines));
    }
    found
}

fn containing(lines: &[&str], words: &[&str], why: &str) -> Vec<Violation> {
    let hit = |line: &str| words.iter().find(|word| line.contains(**word));
    let hits = lines.iter().enumerate().filter_map(|(at, line)| Some((at, hit(line)?)));
    hits.map(|(at, word)| Violation { line: at + 1, what: format!("`{word}`: {why}") }).collect()
}

fn long_lines(lines: &[&str]) -> impl Iterator<Item = Violation> {
    lines.iter().enumerate().filter_map(|(at, line)| {
        let chars = line.chars().count();
        let what = format!("line of {chars} characters, more than {LINE_CHARS_MAX}");
        (chars > LINE_CHARS_MAX).then_some(Violation { line: at + 1, what })
    })
}

fn long_file(lines: &[&str]) -> Option<Violation> {
    let what = format!("file of {} lines, more than {FILE_LINES_MAX}", lines.len());
    (lines.len() > FILE_LINES_MAX).then_some(Violation { line: lines.len(), what })
}

/// Works on what rustfmt leaves: a function ends at the first closing brace of its own indentation.
/// One that says why it is long (`clippy::too_many_lines` with a reason) is left alone.
fn long_functions(lines: &[&str]) -> Vec<Violation> {
    let starts = lines.iter().enumerate().filter(|(_, line)| is_function(line));
    starts.filter_map(|(at, line)| long_function(lines, at, line)).collect()
}

fn long_function(lines: &[&str], at: usize, line: &str) -> Option<Violation> {
    let close = format!("{}}}", &line[..indentation(line)]);
    let length = lines[at..].iter().position(|line| *line == close)? + 1;
    if length <= FUNCTION_LINES_MAX || !has_body(&lines[at..]) || has_reason(&lines[..at]) {
        return None;
    }
    let what = format!("function of {length} lines, more than {FUNCTION_LINES_MAX}");
    Some(Violation { line: at + 1, what })
}

/// Declarations of a trait (`fn f();`) and bodies on the same line have no end to look for.
fn has_body(lines: &[&str]) -> bool {
    let end = lines.iter().find(|line| line.ends_with(['{', ';', '}']));
    end.is_some_and(|line| line.ends_with('{'))
}

/// The attributes just above.
fn has_reason(above: &[&str]) -> bool {
    let attributes = above.iter().rev().map(|line| line.trim_start());
    let mut attributes = attributes.take_while(|line| !line.is_empty() && !line.ends_with('}'));
    attributes.any(|line| line.contains("clippy::too_many_lines") && line.contains("reason ="))
}

fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.find(|word| !is_modifier(word)) == Some("fn")
}

fn is_modifier(word: &str) -> bool {
    let plain = ["pub", "const", "async", "unsafe", "extern", "\"C\"", "default"];
    plain.contains(&word) || word.starts_with("pub(")
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
