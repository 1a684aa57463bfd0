use super::*;

fn attributes_of(body: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let span = Span::parse(body).unwrap();
    let mut all = Vec::new();
    let each = |at, value: &[u8]| {
        all.push((at, value.to_vec()));
        Ok(())
    };
    span.attributes.each(tag::ATTRIBUTE, each).unwrap();
    assert_eq!(all.len(), span.attributes.count);
    all
}

#[test]
fn attributes_are_found_wherever_they_are() {
    const ATTRIBUTE: u8 = tag::ATTRIBUTE as u8;
    let long = [0x61; 200];
    let fields: [&[u8]; 7] = [
        &[ATTRIBUTE, 1, 0x61, ATTRIBUTE, 0],
        &[tag::EVENT as u8, 2, ATTRIBUTE, 0],
        &[ATTRIBUTE, 1, 0x62],
        &[tag::NAME as u8, 1, 0x6e],
        // A tag and a length that are longer than they need be.
        &[ATTRIBUTE | 0x80, 0, 0x81, 0, 0x63],
        &[ATTRIBUTE, 0xc8, 1],
        &long,
    ];
    let found = attributes_of(&fields.concat());
    let expected: [&[u8]; 5] = [b"a", b"", b"b", b"c", &long];
    assert!(found.iter().map(|(at, _)| *at).eq(0..5));
    assert!(found.iter().map(|(_, value)| value.as_slice()).eq(expected));
    assert_eq!(Span::parse(&fields.concat()).unwrap().name, b"n");
}

#[test]
fn a_span_without_attributes_has_none_and_one_cut_off_is_an_error() {
    assert!(attributes_of(&[]).is_empty());
    assert!(attributes_of(&[tag::NAME as u8, 0]).is_empty());
    for cut in [&[tag::ATTRIBUTE as u8, 2, 0][..], &[tag::ATTRIBUTE as u8, 0, 0x4a, 1]] {
        assert!(Span::parse(cut).is_err());
    }
}
