//! What a round does, drawn from the seed.

use std::path::Path;
use std::time::Duration;

use crate::rng::Rng;
use crate::server::ServerOptions;

const MIB: u64 = 1 << 20;

/// One round.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server that is killed.
    pub server: ServerOptions,
    /// How it is loaded.
    pub load: Vec<String>,
    /// When it is killed, from the first span.
    pub kill_after: Duration,
    /// When the server that restarts is killed too, mostly in the middle of its recovery.
    pub kill_restart_after: Option<Duration>,
}

impl Plan {
    /// The plan of a round. Blocks are small and young, so that kills hit sealing, encoding,
    /// flushing and recycling as often as commits; the number of cores changes between rounds.
    pub fn draw(seed: u64, round: u64, cores: u64, data: &Path) -> Self {
        let rng = &mut Rng::new(seed, round);
        let server = ServerOptions {
            data: data.to_owned(),
            cores: rng.within(1..cores + 1),
            durability: rng.pick(&["sync", "sync", "interval", "os"]),
            segment_bytes: rng.pick(&[2, 4, 16]) * MIB,
            budget_bytes: 256 * MIB,
            block_age: Duration::from_millis(rng.pick(&[200, 500, 1000, 5000])),
            block_bytes: rng.pick(&[1, 4, 50]) * MIB,
            compacts: true,
            cpu: None,
        };
        // Every trace of every round is read back by its id, so much load means a short round.
        let (rate, kill_ms_max) =
            rng.pick(&[(1_000, 3000), (8_000, 2000), (60_000, 500), (0, 300)]);
        let load = load(rng, rate, seed, round);
        let kill_after = rng.duration_ms(20..kill_ms_max);
        let twice = rng.within(0..4) == 0;
        let kill_restart_after = twice.then(|| rng.duration_ms(1..300));
        Self { server, load, kill_after, kill_restart_after }
    }

    /// In a few words, for the line of the round.
    pub fn describe(&self) -> String {
        let ServerOptions { cores, durability, segment_bytes, block_age, .. } = &self.server;
        let (segment, age_ms) = (segment_bytes / MIB, block_age.as_millis());
        let plural = if *cores == 1 { " " } else { "s" };
        format!("{cores} core{plural} {durability:<8} {segment:>2} MiB {age_ms:>4} ms")
    }
}

/// Arguments of `loadgen run`; flat out at rate 0.
fn load(rng: &mut Rng, rate: u64, seed: u64, round: u64) -> Vec<String> {
    let batch_spans = rng.pick(&[20, 100, 500, 1000]);
    let compression = rng.pick(&["none", "none", "gzip"]);
    let run_id = seed.wrapping_mul(1_000_003).wrapping_add(round);
    let mut arguments = Vec::new();
    for (name, value) in [
        ("--duration", "60s"),
        ("--batch-spans", &batch_spans.to_string()),
        ("--compression", compression),
        ("--seed", &(round % 7).to_string()),
        ("--run-id", &run_id.to_string()),
    ] {
        arguments.extend([name.to_owned(), value.to_owned()]);
    }
    if rate > 0 {
        arguments.extend(["--rate".to_owned(), rate.to_string()]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Plan;

    #[test]
    fn a_round_is_drawn_again_from_its_seed_and_number() {
        let draw = |seed, round| format!("{:?}", Plan::draw(seed, round, 4, Path::new("data")));
        assert_eq!(draw(7, 3), draw(7, 3));
        assert_ne!(draw(7, 3), draw(7, 4));
        assert_ne!(draw(7, 3), draw(8, 3));
    }
}
