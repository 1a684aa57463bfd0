//! Whether a piece of a trace can matter for a plan: what is left out here is left out whatever
//! the other pieces hold.

use stringendo_traceql::{Field, Intrinsic, Predicate, SearchPlan, SpanColumns};

/// Whether the whole trace may match for what this piece of it holds. Each piece of a trace that
/// matches may be asked; at least one of them says yes.
pub fn touches(plan: &SearchPlan, piece: &impl SpanColumns) -> bool {
    let needs = plan.needs();
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
    let field = &plan.fields()[number];
    if is_of_whole_trace(field) {
        return true;
    }
    match field.list() {
        None => predicate.accepts(piece.value(span, number)),
        // Which of several events and links count is the evaluation's affair.
        Some(list) => piece.items(span, list) > 0,
    }
}

/// Whether the value depends on spans that another piece may hold.
fn is_of_whole_trace(field: &Field) -> bool {
    use Intrinsic as I;
    matches!(
        field,
        Field::Intrinsic(
            I::ChildCount
                | I::TraceDuration
                | I::RootName
                | I::RootService
                | I::NestedSetLeft
                | I::NestedSetRight
                | I::NestedSetParent
        )
    )
}
