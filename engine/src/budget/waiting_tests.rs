use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;

const MIB: u64 = 1 << 20;

/// 100 MiB: encoding keeps 30, reading 4 of at most 30, answers 2 of at most 10.
fn budget() -> Rc<Budget> {
    Rc::new(Budget::of_total(100 * MIB))
}

/// Remembers that it was woken.
struct Flag(AtomicBool);

impl std::task::Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A waiter that is polled once and then only when it was woken, as an executor does.
struct Polled {
    turn: InTurn,
    woken: Arc<Flag>,
}

impl Polled {
    fn new(budget: &Rc<Budget>, usage: Use, bytes: u64) -> Self {
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        Self { turn: budget.charge_in_turn(usage, bytes), woken }
    }

    fn poll(&mut self) -> Option<Charge> {
        if !self.woken.0.swap(false, Ordering::SeqCst) {
            return None;
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        match Pin::new(&mut self.turn).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(charge) => Some(charge),
            Poll::Pending => None,
        }
    }
}

#[test]
fn the_first_in_line_goes_first_even_if_a_later_one_would_fit() {
    let budget = budget();
    let held = Polled::new(&budget, Use::Query, 20 * MIB).poll().expect("there is room");
    let mut large = Polled::new(&budget, Use::Query, 25 * MIB);
    let mut small = Polled::new(&budget, Use::Query, MIB);
    assert!(large.poll().is_none() && small.poll().is_none());
    assert_eq!(budget.waiters(), 2);
    drop(held);
    assert!(small.poll().is_none());
    let large = large.poll().expect("its turn");
    assert_eq!(small.poll().expect("then the next").bytes(), MIB);
    assert_eq!((large.bytes(), budget.waiters()), (25 * MIB, 0));
}

#[test]
fn who_gives_up_lets_the_next_one_go() {
    let budget = budget();
    let _held = budget.try_charge(Use::Query, 20 * MIB).expect("there is room");
    let mut large = Polled::new(&budget, Use::Query, 25 * MIB);
    let mut small = Polled::new(&budget, Use::Query, MIB);
    assert!(large.poll().is_none() && small.poll().is_none());
    drop(large);
    assert!(small.poll().is_some());
}

#[test]
fn the_lines_do_not_wait_for_each_other() {
    let budget = budget();
    let _read = budget.try_charge(Use::Query, 30 * MIB).expect("there is room");
    let mut waiting = Polled::new(&budget, Use::Query, MIB);
    assert!(waiting.poll().is_none());
    assert!(Polled::new(&budget, Use::Answer, 10 * MIB).poll().is_some());
}

#[test]
fn ingest_never_takes_the_share_of_queries() {
    let budget = budget();
    assert!(budget.try_charge(Use::Requests, 65 * MIB).is_none());
    let _ingest = budget.try_charge(Use::Requests, 64 * MIB).expect("there is room");
    assert!(!budget.has_room(1));
    let read = budget.try_charge(Use::Query, 4 * MIB);
    assert!(read.is_some() && !budget.has_room_for(Use::Query, 1));
    assert!(budget.try_charge(Use::Answer, 2 * MIB).is_some());
}

#[test]
fn what_the_first_in_line_waits_for_is_kept_from_ingest() {
    let budget = budget();
    let mut ingest = budget.try_charge(Use::Live, 60 * MIB).expect("there is room");
    let mut reading = Polled::new(&budget, Use::Query, 20 * MIB);
    assert!(reading.poll().is_none());
    ingest.resize(50 * MIB);
    // 20 more would fit, but the query comes first.
    assert!(!budget.has_room(MIB));
    assert!(reading.poll().is_none());
    ingest.resize(48 * MIB);
    assert!(reading.poll().is_some());
}

#[test]
fn what_can_never_fit_is_above_the_limit() {
    let budget = budget();
    assert_eq!(budget.limit_for(Use::Query), 30 * MIB);
    assert!(budget.has_room_for(Use::Query, 30 * MIB));
    assert!(!budget.has_room_for(Use::Query, 30 * MIB + 1));
    assert!(!budget.has_room_for(Use::Query, u64::MAX));
}

#[derive(Clone, Debug)]
enum Step {
    Ask(bool, u64),
    GiveUp(usize),
    End(usize),
    Ingest(u64),
    Freed(usize),
    Grow(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<bool>(), 0..31 * MIB).prop_map(|(read, bytes)| Step::Ask(read, bytes)),
        any::<usize>().prop_map(Step::GiveUp),
        any::<usize>().prop_map(Step::End),
        (0..40 * MIB).prop_map(Step::Ingest),
        any::<usize>().prop_map(Step::Freed),
        (any::<usize>(), 0..5 * MIB).prop_map(|(at, bytes)| Step::Grow(at, bytes)),
    ]
}

/// A core with queries and ingest.
struct World {
    budget: Rc<Budget>,
    waiting: Vec<Polled>,
    queries: Vec<Charge>,
    ingest: Vec<Charge>,
}

fn take<T>(list: &mut Vec<T>, at: usize) {
    if !list.is_empty() {
        let at = at % list.len();
        drop(list.remove(at));
    }
}

impl World {
    fn take_step(&mut self, step: Step) {
        match step {
            Step::Ask(read, bytes) => {
                let usage = if read { Use::Query } else { Use::Answer };
                let bytes = bytes.min(self.budget.limit_for(usage));
                self.waiting.push(Polled::new(&self.budget, usage, bytes));
            }
            Step::GiveUp(at) => take(&mut self.waiting, at),
            Step::End(at) => take(&mut self.queries, at),
            Step::Ingest(bytes) => {
                self.ingest.extend(self.budget.try_charge(Use::Live, bytes));
            }
            Step::Freed(at) => take(&mut self.ingest, at),
            Step::Grow(at, bytes) => {
                let at = at.checked_rem(self.queries.len());
                if let Some(charge) = at.map(|at| &mut self.queries[at]) {
                    let _fits = charge.try_grow(bytes);
                }
            }
        }
    }

    /// Polls whoever was woken, until nobody is.
    fn run(&mut self) {
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for mut waiter in std::mem::take(&mut self.waiting) {
                let woken = waiter.woken.0.load(Ordering::SeqCst);
                match waiter.poll() {
                    Some(charge) => self.queries.push(charge),
                    None => self.waiting.push(waiter),
                }
                moved |= woken;
            }
        }
    }

    fn check(&self) {
        let budget = &self.budget;
        for usage in Use::WAITING {
            assert!(budget.used_for(usage) <= budget.limit_for(usage));
        }
        assert!(budget.used() + budget.share(limits::ENCODE_BUDGET_SHARE) <= budget.total());
        assert_eq!(budget.waiters(), self.waiting.len());
    }
}

proptest! {
    #[test]
    fn never_more_than_the_limit_is_charged_and_all_who_wait_end(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (waiting, queries, ingest) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = World { budget: budget(), waiting, queries, ingest };
        for step in steps {
            world.take_step(step);
            world.run();
            world.check();
        }
        world.ingest.clear();
        world.run();
        // Queries at work end, one after the other; then everybody had a turn.
        while !world.queries.is_empty() {
            drop(world.queries.remove(0));
            world.run();
            world.check();
        }
        assert_eq!(world.waiting.len(), 0);
        assert_eq!(world.budget.used(), 0);
    }
}
