//! Structural operators by nested sets (contract `traceql.md` §5.4, §6).
//!
//! A span's numbers tell its relations: a child's `parent` is its parent's `left`, and the numbers
//! of descendants lie between those of their ancestors. So the left spans are sorted once and each
//! right span looks its relation up: n log n, whatever the shape of the tree. Spans outside of
//! rooted trees have zeros and no relations. Where the numbers come from is the source's affair.

use super::spans::ascending;
use crate::ast::{Relation, Take};
use crate::source::SpanColumns;
use crate::value::ValueRef;

/// A structural operator with the numbers of the fields that it reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Structure {
    pub relation: Relation,
    pub take: Take,
    /// Whether spans outside of rooted trees are left out even where no relation is wanted: so
    /// they are if the right side is a bare `{}` (§6).
    pub in_trees_alone: bool,
    /// The field `nestedSetLeft`; all but sibling operators read it.
    pub left: Option<usize>,
    /// The field `nestedSetRight`, if the relation reaches over generations.
    pub right: Option<usize>,
    /// The field `nestedSetParent`, if it does not.
    pub parent: Option<usize>,
}

impl Structure {
    /// Whether nothing is taken when there is no left span.
    pub fn needs_left(&self) -> bool {
        self.take != Take::RightUnrelated
    }

    fn place<C: SpanColumns>(&self, trace: &C, span: u32) -> Place {
        let number = |field: Option<usize>| match field.map(|f| trace.value(span as usize, f)) {
            Some(ValueRef::Int(number)) => number,
            _ => 0,
        };
        Place {
            span,
            left: number(self.left),
            right: number(self.right),
            parent: number(self.parent),
        }
    }

    fn places<C: SpanColumns>(&self, trace: &C, spans: &[u32]) -> Vec<Place> {
        spans.iter().map(|span| self.place(trace, *span)).collect()
    }
}

/// A span in the tree; numbers that the relation does not need are 0.
#[derive(Clone, Copy, Debug)]
struct Place {
    span: u32,
    left: i64,
    right: i64,
    parent: i64,
}

impl Place {
    fn is_in_tree(&self) -> bool {
        self.left != 0 || self.parent != 0
    }
}

/// Appends what the operator takes of two lists of spans to `out`, which is empty.
pub(super) fn combine<C: SpanColumns>(
    structure: &Structure,
    trace: &C,
    left: &[u32],
    right: &[u32],
    out: &mut Vec<u32>,
) {
    let (left, right) = (structure.places(trace, left), structure.places(trace, right));
    let of_left = Kin::of(structure.relation, &left);
    let numbers = |places: &[Place], wanted: &dyn Fn(&Place) -> bool, out: &mut Vec<u32>| {
        out.extend(places.iter().filter(|place| wanted(place)).map(|place| place.span));
    };
    match structure.take {
        Take::Right => numbers(&right, &|place| of_left.includes(place), out),
        Take::RightUnrelated => {
            let may_be = |place: &Place| place.is_in_tree() || !structure.in_trees_alone;
            numbers(&right, &|place| may_be(place) && !of_left.includes(place), out);
        }
        Take::Both => {
            let of_right = Kin::of(inverse(structure.relation), &right);
            numbers(&right, &|place| of_left.includes(place), out);
            numbers(&left, &|place| of_right.includes(place), out);
            ascending(out);
        }
    }
}

/// If right is … of left, left is the inverse of right.
fn inverse(relation: Relation) -> Relation {
    match relation {
        Relation::Child => Relation::Parent,
        Relation::Parent => Relation::Child,
        Relation::Descendant => Relation::Ancestor,
        Relation::Ancestor => Relation::Descendant,
        Relation::Sibling => Relation::Sibling,
    }
}

/// The relatives of a list of spans, arranged for looking up. Numbers are sorted.
enum Kin {
    /// By the parents' `left`.
    Children(Vec<i64>),
    /// By their own `left`.
    Parents(Vec<i64>),
    /// `left` of each span, and the greatest `right` up to it.
    Descendants(Vec<(i64, i64)>),
    /// `left` of each span.
    Ancestors(Vec<i64>),
    /// `parent` of each span, and the span.
    Siblings(Vec<(i64, u32)>),
}

impl Kin {
    fn of(relation: Relation, spans: &[Place]) -> Self {
        let lefts = || sorted(spans.iter().map(|place| place.left).filter(|left| *left > 0));
        match relation {
            Relation::Child => Self::Children(lefts()),
            Relation::Parent => {
                let parents = spans.iter().map(|place| place.parent);
                Self::Parents(sorted(parents.filter(|parent| *parent > 0)))
            }
            Relation::Descendant => {
                let connected = spans.iter().filter(|place| place.left > 0);
                let mut sets = sorted(connected.map(|place| (place.left, place.right)));
                let mut furthest = 0;
                for (_, right) in &mut sets {
                    furthest = furthest.max(*right);
                    *right = furthest;
                }
                Self::Descendants(sets)
            }
            Relation::Ancestor => Self::Ancestors(lefts()),
            Relation::Sibling => {
                let connected = spans.iter().filter(|place| place.parent != 0);
                Self::Siblings(sorted(connected.map(|place| (place.parent, place.span))))
            }
        }
    }

    fn includes(&self, place: &Place) -> bool {
        match self {
            Self::Children(lefts) => lefts.binary_search(&place.parent).is_ok(),
            Self::Parents(parents) => parents.binary_search(&place.left).is_ok(),
            Self::Descendants(sets) => {
                let before = sets.partition_point(|(left, _)| *left < place.left);
                // Sets do not cross: one that begins before and ends behind has the other inside.
                place.left > 0 && before > 0 && sets[before - 1].1 > place.right
            }
            Self::Ancestors(lefts) => {
                let next = lefts.partition_point(|left| *left <= place.left);
                place.left > 0 && lefts.get(next).is_some_and(|left| *left < place.right)
            }
            Self::Siblings(spans) => {
                let first = spans.partition_point(|(parent, _)| *parent < place.parent);
                let mut family = spans[first..].iter().take(2);
                // Of two, one is another span.
                place.parent != 0
                    && family.any(|at| *at != (place.parent, place.span) && at.0 == place.parent)
            }
        }
    }
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items
}
