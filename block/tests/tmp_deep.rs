//! t
#[path = "../../fuzz/checks/block_merge.rs"]
mod block_merge;

#[test]
fn deep() {
    let mut x: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    let n: usize = std::env::var("DEEP").ok().and_then(|s| s.parse().ok()).unwrap_or(10);
    for _ in 0..n {
        let mut input = vec![(next() % 8) as u8];
        for _ in 0..next() % 4 + 1 {
            let v = next();
            let pos: u32 = if v & 3 == 0 {
                0x80_0000 | (v >> 8) as u32 % 60_000
            } else {
                (v >> 8) as u32 % (1 << 18)
            };
            input.extend_from_slice(&pos.to_le_bytes()[..3]);
            input.push((next() >> 16) as u8);
        }
        if let Err(e) = std::panic::catch_unwind(|| block_merge::check(&input)) {
            eprintln!("INPUT {input:?}");
            std::panic::resume_unwind(e);
        }
    }
}
