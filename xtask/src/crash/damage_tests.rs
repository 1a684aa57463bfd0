use super::Damage;
use crate::crash::image::{Image, recovered};
use crate::tools;

/// Two groups of two and three frames.
fn image() -> Image {
    let path = tools::root().join("wal/tests/fixtures/segment-v1.wal");
    Image::of(path.clone(), std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn groups_and_frames_of_a_segment_are_found() {
    let image = image();
    assert_eq!((image.groups.len(), image.frames.len()), (2, 5));
    assert_eq!(image.groups[1].start, 2 * 4096);
    assert_eq!(image.frames.last().unwrap().whole.end.next_multiple_of(8), image.groups[1].end);
}

#[test]
fn recovery_passes_at_every_byte() {
    let image = image();
    for at in image.groups[0].start..image.groups[1].end {
        for damage in [Damage::Cut(at), Damage::Zeroed(at), Damage::Flip { at, bit: 3 }] {
            let found = recovered(&damage.apply(&image));
            assert_eq!(damage.judge(&image, &found), Ok(()), "{damage}");
        }
    }
    let found = recovered(&Damage::Headless.apply(&image));
    assert_eq!(Damage::Headless.judge(&image, &found), Ok(()));
}

#[test]
fn a_recovery_that_loses_or_invents_a_frame_fails() {
    let image = image();
    let all = recovered(&image.bytes);
    let damage = Damage::Cut(image.frames[3].whole.end);
    assert!(damage.judge(&image, &all).unwrap_err().starts_with("5 frames read and 4 expected"));
    let fewer = recovered(&image.bytes[..image.frames[2].whole.end]);
    assert!(damage.judge(&image, &fewer).unwrap_err().starts_with("3 frames read and 4 expected"));
}

#[test]
fn a_recovery_that_does_not_tell_what_it_lost_fails() {
    let image = image();
    let damage = Damage::Flip { at: image.frames[1].payload.start, bit: 0 };
    let (frames, mut report) = recovered(&damage.apply(&image)).unwrap();
    report.damaged.clear();
    report.torn_tail = false;
    let verdict = damage.judge(&image, &Ok((frames, report)));
    assert!(verdict.unwrap_err().contains("nothing is reported"));
}
