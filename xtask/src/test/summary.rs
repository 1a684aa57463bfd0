//! Adds up what test binaries print.

use std::fmt;

/// Sums over all binaries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    passed: u64,
    failed: u64,
    ignored: u64,
    binaries: u64,
    failures: Vec<String>,
    trouble: Option<String>,
}

impl Summary {
    /// Takes a line of output; most are of no interest.
    pub fn line(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.binaries += 1;
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            self.ignored += count(counts, "ignored");
        } else if let Some(name) = failed_test(line) {
            self.failures.push(name.to_owned());
        }
    }

    /// Takes how cargo ended: a binary that was killed prints no result.
    pub fn ended(&mut self, ok: bool, status: &str) {
        if !ok && self.failed == 0 {
            self.trouble = Some(format!("cargo test ended with {status}"));
        }
    }

    /// Takes a check beside the binaries.
    pub fn step(&mut self, name: &str, ok: bool) {
        if ok {
            self.passed += 1;
        } else {
            self.failed += 1;
            self.failures.push(name.to_owned());
        }
    }

    /// Whether all went well.
    pub fn is_ok(&self) -> bool {
        self.failed == 0 && self.trouble.is_none()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.failures {
            writeln!(f, "failed: {name}")?;
        }
        if let Some(trouble) = &self.trouble {
            writeln!(f, "failed: {trouble}")?;
        }
        let Self { passed, failed, ignored, binaries, .. } = self;
        let (word, plural) = (if self.is_ok() { "ok" } else { "FAILED" }, plural(*binaries));
        write!(
            f,
            "test result: {word}. {passed} passed, {failed} failed, {ignored} ignored \
             ({binaries} binar{plural})"
        )
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "y" } else { "ies" }
}

/// The number before a word, as in `ok. 5 passed; 0 failed; …`.
fn count(counts: &str, word: &str) -> u64 {
    let words: Vec<&str> = counts.split([' ', ';']).filter(|part| !part.is_empty()).collect();
    let pair = words.windows(2).find(|pair| pair[1] == word);
    pair.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

/// The name in `test NAME ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
