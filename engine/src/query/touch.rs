//! Whether a piece of a trace can matter for a plan: what is left out here is left out whatever
//! the other pieces hold.

use stringendo_traceql::{Predicate, SearchPlan, SpanColumns};

/// What a piece must hold, one of these, if spans of it are to be taken: its trace has other
/// pieces, which a time range may leave out. Empty: anything.
pub fn needs_of_pieces(plan: &SearchPlan) -> &[Vec<Predicate>] {
    match plan.judges_whole_trace() && plan.may_take_any_span() {
        true => &[],
        false => plan.needs(),
    }
}

/// Whether spans of this piece of a trace may be taken, though it does not match by itself.
pub fn may_be_taken(plan: &SearchPlan, piece: &impl SpanColumns) -> bool {
    plan.judges_whole_trace() && holds_some(plan, needs_of_pieces(plan), piece)
}

/// Whether the whole trace may match for what this piece of it holds, which does not match by
/// itself. Of a trace that matches, at least one piece matches or touches. With a time range that
/// leaves out that piece's block the trace is not found, though another piece may lie within: a
/// search asks for traces, and asking every piece would cost what the needs spare.
pub fn touches(plan: &SearchPlan, piece: &impl SpanColumns) -> bool {
    // Where spans are judged one by one, the matching ones match in their piece, too.
    plan.judges_whole_trace() && holds_some(plan, plan.needs(), piece)
}

fn holds_some(plan: &SearchPlan, needs: &[Vec<Predicate>], piece: &impl SpanColumns) -> bool {
    needs.is_empty() || needs.iter().any(|need| some_span_has(plan, need, piece))
}

fn some_span_has(plan: &SearchPlan, need: &[Predicate], piece: &impl SpanColumns) -> bool {
    (0..piece.len()).any(|span| need.iter().all(|predicate| may_have(plan, predicate, piece, span)))
}

fn may_have(
    plan: &SearchPlan,
    predicate: &Predicate,
    piece: &impl SpanColumns,
    span: usize,
) -> bool {
    let number = predicate.field();
    match plan.fields()[number].list() {
        None => predicate.accepts(piece.value(span, number)),
        // Which of several events and links count is the evaluation's affair.
        Some(list) => piece.items(span, list) > 0,
    }
}
