//! What must hold for any query over any traces. Shared by the fuzz target and by the test that
//! replays the corpus.
//!
//! An input is a byte that chooses traces, and the text of a query.

use stringendo_oracle::columns::RowColumns;
use stringendo_oracle::dice::Dice;
use stringendo_oracle::naive::TraceView;
use stringendo_oracle::{fixture, random_trace};
use stringendo_traceql::{SearchPlan, SpanColumns, compile_search};

const BASE_UNIX_NANOS: u64 = 1_700_000_000_000_000_000;

/// Plans and evaluates.
pub fn check(input: &[u8]) {
    let Some((choice, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(plan) = compile_search(text) else { return };
    let traces = match choice {
        0 => fixture::traces(BASE_UNIX_NANOS),
        seed => random_trace::traces(&mut Dice::new(u64::from(*seed)), 4, BASE_UNIX_NANOS),
    };
    for trace in &traces {
        let columns = RowColumns::of(&plan, &TraceView::of(trace));
        check_trace(&plan, &columns);
    }
}

fn check_trace(plan: &SearchPlan, columns: &RowColumns) {
    let (mut sets, mut again) = (Vec::new(), Vec::new());
    let outcome = plan.spansets(columns, &mut sets);
    assert_eq!(plan.spansets(columns, &mut again), outcome);
    // As text, in which a NaN equals itself.
    assert_eq!(format!("{again:?}"), format!("{sets:?}"));
    if outcome.is_err() || sets.is_empty() {
        return;
    }
    assert!(!plan.matches_nothing());
    for set in &sets {
        assert!(!set.spans.is_empty());
        assert!(set.spans.is_sorted_by(|a, b| a < b), "ascending: {:?}", set.spans);
        assert!(set.spans.iter().all(|span| (*span as usize) < columns.len()));
    }
    // What is offered for leaving traces out must not lose this one.
    for need in plan.needs() {
        let is_met = |span: usize| need.iter().all(|test| columns.accepts(span, test));
        assert!((0..columns.len()).any(is_met), "{need:?}");
    }
    for test in plan.required() {
        for span in sets.iter().flat_map(|set| &set.spans) {
            assert!(columns.accepts(*span as usize, test), "{test:?}");
        }
    }
}
