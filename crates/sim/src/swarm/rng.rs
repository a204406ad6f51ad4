//! Numbers drawn from a seed (xorshift64*, Vigna 2016): enough for choosing, and the same for ever.

use std::time::Duration;

/// The generator.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Begins; seeds that lie close give sequences that do not.
    pub const fn new(seed: u64) -> Self {
        let mixed = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Self(if mixed == 0 { 1 } else { mixed })
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            0
        } else {
            (self.next() >> 11) % bound
        }
    }

    /// One of so many places.
    pub fn place(&mut self, count: usize) -> usize {
        let bound = u64::try_from(count).unwrap_or(u64::MAX);
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    /// True once in so many times.
    pub const fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// The number of one of so many members.
    pub fn id(&mut self, members: u32) -> u32 {
        u32::try_from(self.below(u64::from(members))).unwrap_or(0)
    }

    /// A time of this many whole milliseconds.
    pub const fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to.saturating_sub(from) + 1))
    }

    /// A time of this many microseconds.
    pub const fn micros(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(from + self.below(to.saturating_sub(from) + 1))
    }
}
