use uuid::Uuid;

use super::*;
use crate::tenant::TenantId;

const MINUTE: Duration = Duration::from_secs(60);

fn block(id: u128) -> BlockKey {
    (TenantId::single(), Uuid::from_u128(id))
}

#[test]
fn a_block_is_tried_again_after_a_minute_then_after_twice_as_long() {
    let mut failures = Failures::default();
    assert!(!failures.holds_back(&block(1), MINUTE));
    failures.add([block(1)], MINUTE);
    assert!(
        failures.holds_back(&block(1), MINUTE * 3 / 2) && !failures.holds_back(&block(2), MINUTE)
    );
    assert!(!failures.holds_back(&block(1), 2 * MINUTE));
    failures.add([block(1)], 2 * MINUTE);
    assert!(failures.holds_back(&block(1), MINUTE * 7 / 2));
    assert!(!failures.holds_back(&block(1), 4 * MINUTE));
    for _ in 0..100 {
        failures.add([block(1)], 4 * MINUTE);
    }
    assert!(!failures.holds_back(&block(1), 4 * MINUTE + PAUSE.1));
    failures.forgive(&[block(1)]);
    failures.add([block(1)], 4 * MINUTE);
    assert!(!failures.holds_back(&block(1), 5 * MINUTE), "it began anew");
}

#[test]
fn a_job_that_lacks_memory_is_tried_again_at_once_with_more_then_with_fewer_inputs() {
    let mut failures = Failures::default();
    let blocks = [block(1), block(2), block(3), block(4)];
    assert_eq!((failures.memory_needed(&blocks), failures.inputs_max(&blocks)), (0, usize::MAX));
    failures.add_memory(&blocks, 7, 10, MINUTE);
    assert!(!failures.holds_back(&block(1), MINUTE));
    assert_eq!(failures.memory_needed(&[block(2), block(9)]), 7);
    // More than there is.
    failures.add_memory(&blocks, 11, 10, MINUTE);
    assert!(!failures.holds_back(&block(1), MINUTE));
    assert_eq!((failures.memory_needed(&blocks), failures.inputs_max(&blocks)), (0, 2));
    // Two at least.
    failures.add_memory(&blocks[..2], 11, 10, MINUTE);
    assert!(failures.holds_back(&block(1), MINUTE) && !failures.holds_back(&block(3), MINUTE));
    assert_eq!(failures.inputs_max(&blocks), 2);
}

#[test]
fn what_was_not_tried_again_is_forgotten() {
    let mut failures = Failures::default();
    failures.add([block(1)], MINUTE);
    failures.forget_old(2 * MINUTE);
    assert_eq!(failures.of.len(), 1);
    failures.forget_old(MINUTE + 3 * PAUSE.1);
    assert!(failures.of.is_empty());
}
