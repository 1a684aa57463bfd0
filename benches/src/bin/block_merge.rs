//! What merging blocks costs: the twin of `block/src/merge.rs`, on the load generator's spans.
//!
//! `cargo run --release -p stringendo-benches --bin block_merge [SPANS [BLOCKS [CASE [ROUNDS]]]]`.
//! CPU time, the best of some rounds, so that other load on the machine shows little; memory as the
//! merge counts it; and the longest step between two yields (real time). With CASE (`whole`,
//! `some`, `many`, `disjoint`) that one alone.

use std::time::{Duration, Instant};

use bytes::Bytes;
use stringendo_benches::{Traces, batches, traces_of};
use stringendo_block::merge::{Merge, MergeCounts, MergeOptions, MergeStep};
use stringendo_block::meta::default_dedicated_columns;
use stringendo_block::{BlockEncoder, EncodeOptions, FinishedBlock, SpanPart, Version};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let argument = |number: usize| std::env::args().nth(number);
    let count = |number, default| argument(number).map_or(Some(default), |text| text.parse().ok());
    let spans = count(1, 200_000).expect("a number of spans");
    let blocks = count(2, 4).expect("a number of blocks");
    let rounds = count(4, 7).expect("a number of rounds");
    let chunks = batches(spans);
    let traces = traces_of(&chunks);
    let spans: usize = traces.values().map(Vec::len).sum();
    println!("{spans} spans in {} traces, {blocks} blocks", traces.len());
    for (name, what, deal) in [
        ("whole", "whole traces", Deal::Whole),
        ("some", "1 % of traces split", Deal::Split(100)),
        ("many", "20 % of traces split", Deal::Split(5)),
        ("disjoint", "ids do not interleave", Deal::Disjoint),
    ] {
        if argument(3).is_none_or(|case| case == name) {
            report(what, &deal_out(&chunks, &traces, blocks, deal), spans, rounds);
        }
    }
}

/// Which block a span goes into.
#[derive(Clone, Copy)]
enum Deal {
    /// Every trace into one.
    Whole,
    /// Of so many traces one into two.
    Split(usize),
    /// Every trace into one, by ranges of ids.
    Disjoint,
}

fn deal_out(chunks: &[Bytes], traces: &Traces, blocks: usize, deal: Deal) -> Vec<FinishedBlock> {
    let encoders = (0..blocks).map(|block| {
        BlockEncoder::new(EncodeOptions {
            block_id: uuid::Uuid::from_u128(block as u128 + 1),
            version: Version::V5,
            tenant: "single-tenant".into(),
            dedicated_columns: default_dedicated_columns(),
            bloom_false_positive: 0.01,
            bloom_shard_bytes: 102_400,
            row_group_bytes: 100_000_000,
            traces: traces.len(),
        })
    });
    let mut encoders: Vec<_> = encoders.collect();
    for (number, (id, parts)) in traces.iter().enumerate() {
        let mut add = |block: usize, parts: &[SpanPart]| {
            encoders[block].add_trace(chunks, id, parts).expect("the workload is valid");
        };
        // Ids are random: these bits are as good as any.
        let block = usize::from(id.0[15]) % blocks;
        match deal {
            Deal::Whole => add(block, parts),
            Deal::Split(every) if number % every == 0 && parts.len() > 1 => {
                let (some, others) = parts.split_at(parts.len() / 2);
                add(block, some);
                add((block + 1) % blocks, others);
            }
            Deal::Split(_) => add(block, parts),
            Deal::Disjoint => add(number * blocks / traces.len(), parts),
        }
    }
    encoders.into_iter().map(finish).collect()
}

fn finish(encoder: BlockEncoder) -> FinishedBlock {
    let mut finishing = encoder.finish();
    loop {
        if let Some(block) = finishing.step().expect("the workload is valid") {
            return block;
        }
    }
}

struct Round {
    cpu: Duration,
    longest_step: Duration,
    bytes: usize,
    memory: u64,
    needs: usize,
    counts: MergeCounts,
}

fn report(what: &str, blocks: &[FinishedBlock], spans: usize, rounds: usize) {
    let before: usize = blocks.iter().map(|block| block.data.len()).sum();
    let rounds = (0..rounds).map(|_| merge(blocks));
    let best = rounds.min_by_key(|round| round.cpu).expect("there are rounds");
    println!(
        "{what:>22}: {:.0} ns per span; {:.1} bytes per span, before {:.1}; {} traces combined; \
         {:.1} MiB held at most; {} ranges; longest step {:.1} ms",
        best.cpu.as_nanos() as f64 / spans as f64,
        best.bytes as f64 / spans as f64,
        before as f64 / spans as f64,
        best.counts.traces_combined,
        best.memory as f64 / f64::from(1 << 20),
        best.needs,
        best.longest_step.as_secs_f64() * 1e3,
    );
}

/// CPU time of this thread: other load on the machine counts little.
fn cpu_time() -> Duration {
    // Not through `clock_gettime`: under valgrind it fails.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("the first number is the time on a processor"))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn merge(blocks: &[FinishedBlock]) -> Round {
    let metas = blocks.iter().map(|block| block.meta.clone()).collect();
    let options = MergeOptions {
        block_id: uuid::Uuid::from_u128(99),
        bloom_false_positive: 0.01,
        bloom_shard_bytes: 102_400,
        row_group_bytes: 100_000_000,
        trace_bytes_max: 5_000_000,
        memory_bytes_max: 256 << 20,
    };
    let start = cpu_time();
    let mut merge = Merge::new(metas, options).expect("blocks that go together");
    let (mut longest_step, mut bytes, mut memory, mut ranges) = (Duration::ZERO, 0, 0, 0);
    let mut steps = 0_usize;
    loop {
        let begun = Instant::now();
        let step = merge.step().expect("readable blocks");
        longest_step = longest_step.max(begun.elapsed());
        steps += 1;
        if steps.is_multiple_of(64) {
            memory = memory.max(merge.memory_bytes());
        }
        match step {
            MergeStep::Working => {}
            MergeStep::Needs(needs) => {
                for need in needs {
                    let data = &blocks[need.input].data;
                    let range = need.range.start as usize..need.range.end as usize;
                    ranges += 1;
                    merge.supply(&need, Bytes::copy_from_slice(&data[range]));
                }
            }
            MergeStep::Made(made) => bytes += made.len(),
            MergeStep::Finished(block) => {
                let (cpu, counts) = (cpu_time() - start, block.counts);
                return Round { cpu, longest_step, bytes, memory, needs: ranges, counts };
            }
        }
    }
}
