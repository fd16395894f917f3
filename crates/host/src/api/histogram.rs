//! The distribution of a duration: count, sum, extremes and a histogram. Pure.

use std::time::Duration;

/// Buckets of a histogram: 16 octaves from one millisecond on, four to each, and one for all beyond.
pub(crate) const BUCKETS: usize = 65;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Distribution {
    /// How many durations there were.
    pub count: u64,
    /// Their sum.
    pub sum: Duration,
    /// The shortest and the longest; meaningless without any.
    pub min: Duration,
    pub max: Duration,
    /// How many fell into each bucket, see [`bucket`].
    pub buckets: [u32; BUCKETS],
}

impl Default for Distribution {
    fn default() -> Self {
        Self { count: 0, sum: Duration::ZERO, min: Duration::MAX, max: Duration::ZERO, buckets: [0; BUCKETS] }
    }
}

impl Distribution {
    /// Adds one duration.
    pub(crate) fn add(&mut self, duration: Duration) {
        self.count += 1;
        self.sum += duration;
        self.min = self.min.min(duration);
        self.max = self.max.max(duration);
        if let Some(bucket) = self.buckets.get_mut(bucket(duration)) {
            *bucket += 1;
        }
    }

    /// Adds all of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
    }

    /// The mean; zero without any.
    pub(crate) fn mean(&self) -> Duration {
        match self.count {
            0 => Duration::ZERO,
            count => Duration::from_secs_f64(self.sum.as_secs_f64() / count as f64),
        }
    }

    /// The shortest and the longest, if there was any.
    pub(crate) fn extremes(&self) -> Option<(Duration, Duration)> {
        (self.count > 0).then_some((self.min, self.max))
    }
}

/// The bucket of a duration: under one millisecond the first, from 65.536 seconds on the last; a boundary belongs to
/// the upper one.
pub(crate) fn bucket(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let millis = micros / 1000;
    let Some(octave) = millis.checked_ilog2() else { return 0 };
    if octave >= 16 {
        return BUCKETS - 1;
    }
    let quarter = 4 * micros / (1000 << octave) - 4;
    4 * octave as usize + quarter as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_belong_to_the_upper_bucket() {
        let micros = |micros| bucket(Duration::from_micros(micros));
        assert_eq!([0, 999, 1000, 1249, 1250, 1999].map(micros), [0, 0, 0, 0, 1, 3]);
        assert_eq!([2000, 2499, 2500, 3999, 4000].map(micros), [4, 4, 5, 7, 8]);
        assert_eq!([65_535_999, 65_536_000, u64::MAX].map(micros), [63, 64, 64]);
        assert_eq!(bucket(Duration::MAX), 64);
    }

    #[test]
    fn agrees_with_the_formula() {
        for micros in (1000..65_536_000_u64).step_by(9973) {
            let t = micros as f64 / 1000.0;
            let octave = t.log2().floor();
            let expected = 4.0 * octave + (4.0 * (t / octave.exp2() - 1.0)).floor();
            assert_eq!(bucket(Duration::from_micros(micros)), expected as usize, "{micros}");
        }
    }

    #[test]
    fn two_distributions_make_one() {
        let (mut one, mut other, mut both) =
            (Distribution::default(), Distribution::default(), Distribution::default());
        assert_eq!((one.mean(), one.extremes()), (Duration::ZERO, None));
        for (number, millis) in [3, 70_000, 1, 1].into_iter().enumerate() {
            let duration = Duration::from_millis(millis);
            if number % 2 == 0 {
                one.add(duration)
            } else {
                other.add(duration)
            }
            both.add(duration);
        }
        one.merge(&other);
        assert_eq!(one, both);
        assert_eq!(both.extremes(), Some((Duration::from_millis(1), Duration::from_secs(70))));
        assert_eq!(both.mean(), Duration::from_micros(17_501_250));
    }
}
