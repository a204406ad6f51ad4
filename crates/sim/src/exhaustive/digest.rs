//! Numbers that stand for values.

use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A number that stands for a value; equal values have equal numbers. Two different ones have the same
/// with a probability of states² / 2⁶⁵, far below 10⁻⁴ for 10⁷ states.
pub fn digest(value: &impl Hash) -> u64 {
    let mut hasher = Mixer::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Hash maps by [`Mixer`].
pub type ByMixer = BuildHasherDefault<Mixer>;

/// Mixes one number after the other into 64 bits. Each step can be undone, so that what differed once
/// stays different as long as the same follows (the steps and the end are those of MurmurHash3 and
/// SplitMix64). Most of a state is single bytes, for which std's hasher is several times slower, and
/// nobody attacks this one.
#[derive(Clone, Debug)]
pub struct Mixer(u64);

impl Default for Mixer {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Mixer {
    const fn add(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(part) {
                *to = *from;
            }
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(u64::try_from(number).unwrap_or(u64::MAX));
    }

    fn write_isize(&mut self, number: isize) {
        self.add(u64::from_ne_bytes(
            i64::try_from(number).unwrap_or(i64::MAX).to_ne_bytes(),
        ));
    }

    fn finish(&self) -> u64 {
        let mut end = self.0;
        end = (end ^ (end >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        end = (end ^ (end >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        end ^ (end >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn values_that_differ_in_one_small_number_have_different_digests() {
        let mut known = HashSet::new();
        for a in 0..40_u8 {
            for b in 0..40_u8 {
                for c in [None, Some(0_u8), Some(1)] {
                    assert!(known.insert(digest(&([a, b], c, a))), "{a} {b} {c:?}");
                }
            }
        }
    }
}
