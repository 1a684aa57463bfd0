use super::*;
use crate::options::WorkloadOptions;

fn set() -> TemplateSet {
    TemplateSet::build(&WorkloadOptions { seed: 3, batch_spans: 40, groups: 2 }, 9).unwrap()
}

#[test]
fn batches_of_a_group_use_share_an_instance_and_every_template_has_its_turn() {
    let set = set();
    let schedule = Schedule::new(&set, None, None, None);
    let count = set.templates.len();
    let jobs: Vec<_> = (0..2 * count).map(|_| schedule.next(0).unwrap()).collect();
    assert_eq!(jobs[0].instance, jobs[BATCHES_PER_GROUP - 1].instance);
    assert_ne!(jobs[0].instance, jobs[BATCHES_PER_GROUP].instance);
    assert_eq!(jobs[count].template, jobs[0].template);
    assert_ne!(jobs[count].instance, jobs[0].instance);
}

#[test]
fn due_times_follow_the_rate_and_not_the_clock() {
    let set = set();
    let schedule = Schedule::new(&set, Some(1000.0), None, Some(1_000_000_000));
    let mut spans = 0;
    while let Some(job) = schedule.next(77) {
        let due = job.due_ns.unwrap();
        assert_eq!(due, spans * 1_000_000);
        spans += job.spans;
    }
    assert!((1000..1041).contains(&spans), "{spans}");
}

#[test]
fn a_limit_of_spans_ends_the_run_after_whole_batches() {
    let set = set();
    let schedule = Schedule::new(&set, None, Some(100), None);
    let spans: u64 = std::iter::from_fn(|| schedule.next(0)).map(|job| job.spans).sum();
    assert!((100..141).contains(&spans), "{spans}");
}

#[test]
fn flat_out_ends_when_the_time_is_over() {
    let schedule = Schedule::new(&set(), None, None, Some(10));
    assert!(schedule.next(9).is_some());
    assert!(schedule.next(10).is_none());
}
