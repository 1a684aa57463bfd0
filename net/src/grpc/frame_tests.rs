use proptest::prelude::*;

use super::*;

fn framed(flag: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    frame
}

fn assembled(bytes_max: usize, chunks: &[&[u8]]) -> Result<Message, String> {
    let mut assembler = Assembler::new(bytes_max);
    for chunk in chunks {
        let pushed = assembler.push(Bytes::copy_from_slice(chunk));
        pushed.map_err(|refusal| refusal.message.into_owned())?;
    }
    assembler.finish().map_err(|refusal| refusal.message.into_owned())
}

#[test]
fn a_message_in_one_piece_is_not_copied() {
    let frame = Bytes::from(framed(0, b"message"));
    let mut assembler = Assembler::new(100);
    assembler.push(frame.clone()).unwrap();
    let message = assembler.finish().unwrap();
    assert_eq!(message.body.as_ptr(), frame[5..].as_ptr());
}

#[test]
fn a_message_may_be_as_large_as_the_limit_and_no_larger() {
    assert!(assembled(4, &[&framed(0, b"1234")]).is_ok());
    let text = assembled(4, &[&framed(0, b"12345")]).unwrap_err();
    assert_eq!(text, "received message larger than max (5 vs. 4)");
    // Known from the header alone.
    assert!(assembled(4, &[&framed(0, b"12345")[..5]]).is_err());
}

#[test]
fn an_empty_message_is_one() {
    let message = assembled(4, &[&framed(0, b"")]).unwrap();
    assert_eq!(message, Message { is_compressed: false, body: Bytes::new() });
    assert!(assembled(4, &[&framed(0, b""), b"x"]).is_err());
}

proptest! {
    #[test]
    fn how_a_message_is_chunked_does_not_matter(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        flag in 0_u8..=1,
        mut cuts in proptest::collection::vec(0_usize..205, 0..20),
    ) {
        let frame = framed(flag, &body);
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(frame.len()));
        cuts.extend([0, frame.len()]);
        cuts.sort_unstable();
        let chunks: Vec<_> = cuts.windows(2).map(|pair| &frame[pair[0]..pair[1]]).collect();
        let message = assembled(200, &chunks).unwrap();
        prop_assert_eq!(message.is_compressed, flag == 1);
        prop_assert_eq!(&message.body[..], &body[..]);
    }

    #[test]
    fn a_message_that_is_cut_or_followed_by_more_is_refused(
        body in proptest::collection::vec(any::<u8>(), 1..50),
        at in any::<proptest::sample::Index>(),
    ) {
        let frame = framed(0, &body);
        prop_assert!(assembled(200, &[&frame[..at.index(frame.len())]]).is_err());
        prop_assert!(assembled(200, &[&frame, &frame[..=at.index(frame.len() - 1)]]).is_err());
    }

    #[test]
    fn whatever_arrives_is_taken_or_refused(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 0..8),
    ) {
        let chunks: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
        drop(assembled(64, &chunks));
    }
}
