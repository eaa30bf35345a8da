//! BER as SNMP uses it (RFC 3417 section 8): writes elements, and reads them from any bytes without a panic.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// One element: tag, length, contents.
pub(crate) fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(contents.len() + 4);
    bytes.push(tag);
    let length = contents.len().to_be_bytes();
    let significant: &[u8] = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    match significant {
        [] => bytes.push(0),
        [short] if *short < 0x80 => bytes.push(*short),
        long => {
            bytes.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
            bytes.extend(long);
        }
    }
    bytes.extend(contents);
    bytes
}

/// An INTEGER in as few bytes as it takes.
pub(crate) fn integer(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    // A leading byte that only repeats the sign is left out.
    let redundant = bytes
        .windows(2)
        .take_while(|pair| (pair[0] == 0 && pair[1] < 0x80) || (pair[0] == 0xff && pair[1] >= 0x80))
        .count();
    element(INTEGER, &bytes[redundant..])
}

/// Reads one element after another. `None` = not what was expected, or cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Tag and contents of the next element.
    pub(crate) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let whole = self.whole()?;
        Some((whole.tag, whole.contents))
    }

    /// The next element with its header.
    pub(crate) fn whole(&mut self) -> Option<Element<'a>> {
        let (tag, first, header) = match self.0 {
            [tag, first, ..] => (*tag, *first, 2),
            _ => return None,
        };
        let (length, header) = match first {
            0..=0x7f => (usize::from(first), header),
            // Four bytes of length are more than a datagram has.
            0x81..=0x84 => {
                let digits = self.0.get(2..2 + usize::from(first & 0x7f))?;
                let length = digits.iter().fold(0usize, |sum, digit| (sum << 8) | usize::from(*digit));
                (length, header + digits.len())
            }
            _ => return None,
        };
        let bytes = self.0.get(..header.checked_add(length)?)?;
        self.0 = self.0.get(bytes.len()..)?;
        Some(Element { tag, bytes, contents: bytes.get(header..)? })
    }

    /// Contents of the next element, which has this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, contents)| contents)
    }

    pub(crate) fn integer(&mut self) -> Option<i64> {
        let contents = self.expect(INTEGER)?;
        let (first, fits) = (contents.first()?, contents.len() <= 8);
        let sign = if *first & 0x80 == 0 { 0 } else { -1 };
        fits.then(|| contents.iter().fold(sign, |sum: i64, byte| (sum << 8) | i64::from(*byte)))
    }
}

/// An element as it stands in the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// With tag and length.
    pub(crate) bytes: &'a [u8],
    pub(crate) contents: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for number in [0, 1, -1, 127, 128, -128, -129, 65_535, i64::from(i32::MAX), i64::MIN] {
            assert_eq!(Reader::new(&integer(number)).integer(), Some(number));
        }
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let contents = vec![7; length];
            let bytes = element(OCTETS, &contents);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.expect(OCTETS), Some(contents.as_slice()));
            assert!(reader.next().is_none());
        }
    }

    #[test]
    fn what_is_cut_off_or_of_another_kind_is_refused() {
        for bytes in
            [&[0x02][..], &[0x02, 2, 1], &[0x02, 0x80], &[0x02, 0x85, 0, 0, 0, 0, 1], &[0x02, 0x84, 255, 255], &[]]
        {
            assert!(Reader::new(bytes).next().is_none(), "{bytes:?}");
        }
        assert_eq!(Reader::new(&integer(5)).expect(OCTETS), None);
        assert_eq!(Reader::new(&element(INTEGER, &[0; 9])).integer(), None);
        assert_eq!(Reader::new(&element(INTEGER, &[])).integer(), None);
    }
}
