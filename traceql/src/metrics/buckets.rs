//! Buckets that double, and quantiles of what is in them (contract §11.6).

/// Number of buckets: powers of two from 2 to 2^64.
pub(super) const BUCKETS: usize = 64;

/// The bucket of a number: the smallest power of two that is not smaller. Numbers below 2 have
/// none.
#[inline]
pub(super) fn bucket_of(value: u64) -> Option<usize> {
    let below = value.checked_sub(1).filter(|below| *below > 0)?;
    Some(below.ilog2() as usize)
}

/// What a bucket's numbers are not greater than.
pub(super) fn bound(bucket: usize) -> f64 {
    2.0_f64.powi(bucket as i32 + 1)
}

/// The quantile of numbers that were counted by bucket; 0 when there are none. Bounds are taken
/// times `scale`.
pub(super) fn quantile(counts: &[f64; BUCKETS], quantile: f64, scale: f64) -> f64 {
    let total: f64 = counts.iter().sum();
    let wanted = (quantile * total).ceil().max(1.0);
    let mut before = 0.0;
    let mut last_bound = None;
    for (bucket, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
        let bound = bound(bucket) * scale;
        if before + count == wanted {
            return bound;
        }
        if before + count > wanted {
            let fraction = (wanted - before) / count;
            let low = last_bound.map_or_else(|| bound.log2() - 1.0, f64::log2);
            return (low + (bound.log2() - low) * fraction).exp2();
        }
        before += count;
        last_bound = Some(bound);
    }
    last_bound.unwrap_or(0.0)
}

#[cfg(test)]
#[path = "buckets_tests.rs"]
mod tests;
