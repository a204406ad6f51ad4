//! Taking values off the front of bytes that may end too early. Everything is little-endian.

/// The bytes that were not yet taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number as the client protocol packs it (MySQL: "length-encoded integer").
    pub(super) fn packed(&mut self) -> Option<u64> {
        match self.u8()? {
            small @ 0..=250 => Some(small.into()),
            252 => self.little_endian(2),
            253 => self.little_endian(3),
            254 => self.little_endian(8),
            _ => None,
        }
    }

    /// A number as MySQL's serialization library packs it: the ones at the low end of the first byte
    /// count the bytes that follow it; the bits above them, and those bytes, are the number.
    pub(super) fn serialized(&mut self) -> Option<u64> {
        let first = *self.0.first()?;
        let more = first.trailing_ones();
        if more >= 7 {
            self.u8()?;
            // Seven or eight bytes of their own: nothing of the number is in the first.
            return self.little_endian(usize::try_from(more).ok()?);
        }
        let whole = self.little_endian(usize::try_from(more).ok()? + 1)?;
        Some(whole >> (more + 1))
    }

    /// The same for a number with a sign, which is the lowest bit.
    pub(super) fn serialized_signed(&mut self) -> Option<i64> {
        let packed = self.serialized()?;
        let magnitude = i64::try_from(packed >> 1).ok()?;
        Some(if packed & 1 == 0 {
            magnitude
        } else {
            -magnitude - 1
        })
    }

    /// A number of `count` bytes, 8 at most.
    fn little_endian(&mut self, count: usize) -> Option<u64> {
        let mut whole = [0; 8];
        whole.get_mut(..count)?.copy_from_slice(self.take(count)?);
        Some(u64::from_le_bytes(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_numbers_are_read() {
        let read = |bytes: &[u8]| Bytes(bytes).packed();
        assert_eq!(read(&[250]), Some(250));
        assert_eq!(read(&[252, 0x14, 0x01]), Some(276));
        assert_eq!(read(&[253, 1, 0, 1]), Some(65_537));
        assert_eq!(read(&[254, 1, 0, 0, 0, 0, 0, 0, 0x80]), Some(1 | 1 << 63));
        assert_eq!(read(&[252, 1]), None);
        assert_eq!(read(&[251]), None);
    }

    #[test]
    fn serialized_numbers_are_read() {
        let read = |bytes: &[u8]| Bytes(bytes).serialized();
        assert_eq!(read(&[0b0000_0010]), Some(1));
        // 0xc5 as mysqld writes it: two bytes.
        assert_eq!(read(&[0x15, 0x03]), Some(0xc5));
        assert_eq!(read(&[0x3f, 1, 0, 0, 0, 0, 0]), Some(1 << 1));
        assert_eq!(read(&[0x7f, 9, 0, 0, 0, 0, 0, 1]), Some(9 | 1 << 48));
        assert_eq!(read(&[0xff, 1, 0, 0, 0, 0, 0, 0, 0x80]), Some(1 | 1 << 63));
        assert_eq!(read(&[0x01]), None);
        assert_eq!(read(&[]), None);
        assert_eq!(Bytes(&[0b0000_0100]).serialized_signed(), Some(1));
        assert_eq!(Bytes(&[0b0000_0010]).serialized_signed(), Some(-1));
    }
}
