//! Tables, sizes and progress for people.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use stringendo_ring::Clock;

/// Rows under a head, each column as wide as its widest cell; numbers to the right.
pub fn print_table(head: &[&str], right: &[bool], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let cells = cells.iter().zip(&widths).zip(right).map(|((cell, width), right)| {
            if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(head);
    for row in rows {
        line(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// Bytes in the largest unit that leaves a number of at least one.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// How far long work has come, on standard error, now and then.
pub struct Progress {
    clock: Clock,
    last: Duration,
    shown: bool,
}

impl Progress {
    /// Nothing is shown until it has taken a while.
    pub fn new() -> Self {
        let clock = Clock::System;
        let last = clock.monotonic();
        Self { clock, last, shown: false }
    }

    /// Says where the work is, if it was not said just now.
    pub fn at(&mut self, what: impl FnOnce() -> String) {
        let (now, is_terminal) = (self.clock.monotonic(), std::io::stderr().is_terminal());
        let pause = Duration::from_secs(if is_terminal { 1 } else { 10 });
        if now.saturating_sub(self.last) < pause {
            return;
        }
        self.last = now;
        match is_terminal {
            true => eprint!("\r\x1b[K{}", what()),
            false => eprintln!("{}", what()),
        }
        self.shown = is_terminal;
        // What cannot be shown is no reason to stop.
        let _ = std::io::stderr().flush();
    }

    /// Clears the line.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.shown) {
            eprint!("\r\x1b[K");
        }
    }
}
