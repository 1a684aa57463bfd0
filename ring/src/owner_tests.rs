use super::*;

const IDS: u64 = 60_000;

/// The largest deviation from an even share, in percent of it.
fn unevenness(cores: u16, id_of: impl Fn(u64) -> [u8; 16]) -> u64 {
    let owners = Owners::new(cores);
    let mut counts = vec![0_u64; usize::from(cores)];
    for number in 0..IDS {
        counts[usize::from(owners.of(&id_of(number)).0)] += 1;
    }
    let even = IDS / u64::from(cores);
    counts.iter().map(|count| count.abs_diff(even) * 100 / even).max().unwrap_or(0)
}

/// Numbers without a visible order (SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn id(upper: u64, lower: u64) -> [u8; 16] {
    ((u128::from(upper) << 64) | u128::from(lower)).to_be_bytes()
}

#[test]
fn ids_of_all_habits_are_spread_evenly() {
    for cores in [2, 3, 4, 6, 8, 16, 48] {
        let habits = [
            ("counted up", unevenness(cores, |n| id(0, n))),
            ("counted up in steps", unevenness(cores, |n| id(0, n << 20))),
            ("counted up above", unevenness(cores, |n| id(n, 0))),
            ("of 64 random bits", unevenness(cores, |n| id(0, mixed(n)))),
            ("of 128 random bits", unevenness(cores, |n| id(mixed(n), mixed(n + IDS)))),
            ("of a time and a random part", unevenness(cores, |n| id(n / 100, mixed(n)))),
        ];
        for (habit, percent) in habits {
            assert!(percent <= 15, "ids {habit} on {cores} cores: {percent} % off");
        }
    }
}

#[test]
fn an_owner_is_always_one_of_the_cores_and_always_the_same() {
    let owners = Owners::new(0);
    assert_eq!(owners.count(), 1);
    assert_eq!(owners.of(&[0xff; 16]), CoreId(0));
    let owners = Owners::new(5);
    for number in 0..1_000 {
        let id = id(mixed(number), number);
        assert!(owners.of(&id).0 < 5);
        assert_eq!(owners.of(&id), owners.of(&id));
    }
}
