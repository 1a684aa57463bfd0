use super::*;
use sha2::{Digest, Sha256};

const LOCATIONS: &[(&str, u32, [u64; 7])] = &[
    (
        "00000000000000000000000000000001",
        0x6969_1904,
        [
            0x23eff26357c48224,
            0xec03f571a00b5d00,
            0xf8e4e76543c1fb82,
            0x2db5a5b3a97a7975,
            0xb42ad61201ac4e54,
            0x95eddf7578064fbc,
            0xa2ced1691bbcee3e,
        ],
    ),
    (
        "0000000000000000a1b2c3d4e5f60718",
        0x4cdb_2ab5,
        [
            0x210d27115e85ee78,
            0xa657c9298fd4410d,
            0x04f27582856b56c0,
            0x8f746a69840ff218,
            0xefcc325cbe19200c,
            0x6e22660bdd9f119d,
            0xccbd1264d3362750,
        ],
    ),
    (
        "5b8aa5a2d2c872e8321cf37308d69df2",
        0xe3e5_27ac,
        [
            0x7fa167b5aa0c2c8b,
            0xce8c3b1d9687d3b8,
            0xef0c18c378ae7ed5,
            0x99de05db53f9b099,
            0x2e5596bbdb103493,
            0xad619d3933cc784c,
            0xcde17adf15f32369,
        ],
    ),
    (
        "ffffffffffffffffffffffffffffffff",
        0xfc2a_8055,
        [
            0xd8ce73d7a39a46e6,
            0x720828077d6d3ff1,
            0x1b8694ac51d35a64,
            0xdb0f72dbc01c7c59,
            0xe6a842d5c5ff4f1a,
            0xf77869b0d9df66ed,
            0xa0f6d655ae458160,
        ],
    ),
];

fn id(hex: &str) -> TraceId {
    TraceId::parse_hex(hex).unwrap()
}

fn number(n: u128) -> TraceId {
    TraceId(n.to_be_bytes())
}

fn hex_of(objects: &[Bytes]) -> Vec<String> {
    objects.iter().map(const_hex::encode).collect()
}

fn sha256_of(objects: &[Bytes]) -> Vec<String> {
    objects.iter().map(|object| const_hex::encode(Sha256::digest(object))).collect()
}

fn built(traces: usize, fp: f64, bytes: usize, ids: impl Iterator<Item = TraceId>) -> Vec<Bytes> {
    let mut builder = BloomBuilder::new(traces, fp, bytes);
    ids.for_each(|id| builder.add(&id));
    builder.finish()
}

#[test]
fn locations_and_shards_equal_the_vectors() {
    for (hex, fnv, locations) in LOCATIONS {
        let hashes = Hashes::of(&id(hex));
        assert_eq!(fnv1(&id(hex).0), *fnv);
        for (i, location) in locations.iter().enumerate() {
            assert_eq!(hashes.location(i as u64), *location, "{hex} {i}");
        }
    }
}

#[test]
fn vector_a_is_met_bit_for_bit() {
    let objects = built(4, 0.01, 16, LOCATIONS.iter().map(|(hex, ..)| id(hex)));
    assert_eq!(
        hex_of(&objects),
        ["00000000000000800000000000000007000000000000008051000010270838050122225102311001"]
    );
}

#[test]
fn vector_b_is_met_bit_for_bit() {
    let objects = built(50, 0.01, 20, (1..=10).map(number));
    let header = "00000000000000a0000000000000000700000000000000a0";
    let bits = [
        "00000002001000000000020080000000000000000a000020",
        "6001a22ac2a4000418300048e000090000000000080a0800",
        "c0020804000201141000a0330a3020200000000000204032",
    ];
    let expected: Vec<_> = bits.iter().map(|bits| format!("{header}{bits}")).collect();
    assert_eq!(hex_of(&objects), expected);
    let shards: Vec<_> = (1..=10).map(|n| shard_of(&number(n), 3)).collect();
    assert_eq!(shards, [2, 2, 1, 2, 1, 1, 0, 2, 1, 1]);
}

#[test]
fn vector_c_is_met_bit_for_bit() {
    let objects = built(20, 0.05, 24, (1..=10).map(number));
    assert_eq!(
        hex_of(&objects),
        [concat!(
            "00000000000000c0000000000000000500000000000000c0",
            "a810082208108033002001206a12c20cc22223108001204a"
        )]
    );
}

#[test]
fn vector_d_is_met_bit_for_bit() {
    let one = built(1, 0.01, 102_400, [id("5b8aa5a2d2c872e8321cf37308d69df2")].into_iter());
    assert_eq!(
        sha256_of(&one),
        ["7bbcc3284dd41f087a01fe68d9b936498bd84d78da91638f579c45e6b848b50a"]
    );
    let none = built(1, 0.01, 102_400, std::iter::empty());
    assert_eq!(
        sha256_of(&none),
        ["583c5e8c20b4cbdd9eccdd680f943a337cd79f5a070199d8833fe905037fd8f6"]
    );
}

#[test]
fn vector_e_is_met_bit_for_bit() {
    let ids = (0..100_000).map(|i| {
        let digest = Sha256::digest(format!("trace-{i}"));
        TraceId(*digest.first_chunk().unwrap())
    });
    assert_eq!(
        sha256_of(&built(100_000, 0.01, 102_400, ids)),
        [
            "407d7eb47f0ad00afb5e4281e4876f3834d8fe571a4a903c2416536146c53ee6",
            "a60f66b5b35878513852d42ddbbe2cfc748a8c2406760d747712b8a7c7564b97"
        ]
    );
}

#[test]
fn shard_counts_and_hashes_follow_the_formula() {
    let of = |n, fp| {
        let builder = BloomBuilder::new(n, fp, 102_400);
        (builder.shards.len(), builder.hashes_per_key)
    };
    assert_eq!(of(85_466, 0.01), (1, 7));
    assert_eq!(of(85_467, 0.01), (2, 7));
    assert_eq!(of(1_000_000, 0.01), (12, 7));
    assert_eq!(of(0, 0.01), (1, 7));
    assert_eq!(of(1_000, 0.5).1, 2);
    assert_eq!(of(1_000, 0.1).1, 4);
    assert_eq!(of(1_000, 0.0001).1, 14);
}

#[test]
fn what_was_added_is_found_and_most_else_is_not() {
    let object = built(1_000, 0.01, 1_200, (0..1_000).map(number)).remove(0);
    assert!((0..1_000).all(|n| may_contain(&object, &number(n)) == Some(true)));
    let wrong = (1_000..11_000).filter(|&n| may_contain(&object, &number(n)) == Some(true));
    assert!(wrong.count() < 300);
}

#[test]
fn a_damaged_object_says_nothing() {
    let object = built(4, 0.01, 16, (0..4).map(number)).remove(0);
    for len in 0..object.len() {
        assert_eq!(may_contain(&object[..len], &number(1)), None);
    }
    assert_eq!(may_contain(&[0xff; 40], &number(1)), None);
    assert_eq!(may_contain(&[0; 24], &number(1)), None);
}
