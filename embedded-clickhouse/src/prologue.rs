//! The head that some formats put before their rows. The engine repeats it in every piece of a streamed result; a client
//! expects it once. Formats whose head (or foot) cannot be told from rows are not streamed at all.

/// What precedes the rows of a streamable format, and whether it went out already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prologue {
    kind: Kind,
    seen: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    /// RowBinaryWithNames: a count, then as many names.
    Names,
    /// RowBinaryWithNamesAndTypes: a count, as many names, as many types.
    NamesAndTypes,
}

impl Prologue {
    /// `None` when the format cannot be streamed.
    pub(crate) fn of(format: &str) -> Option<Self> {
        let kind = match format {
            "RowBinaryWithNamesAndTypes" => Kind::NamesAndTypes,
            "RowBinaryWithNames" => Kind::Names,
            "RowBinary" | "Native" | "TSV" | "TabSeparated" | "TSVRaw" | "TabSeparatedRaw" | "JSONEachRow" => {
                Kind::Nothing
            }
            _ => return None,
        };
        Some(Self { kind, seen: false })
    }

    /// The piece as the client wants it: whole the first time, without its head later.
    pub(crate) fn strip<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        if !std::mem::replace(&mut self.seen, true) {
            return piece;
        }
        let strings_per_column = match self.kind {
            Kind::Nothing => return piece,
            Kind::Names => 1,
            Kind::NamesAndTypes => 2,
        };
        after_strings(piece, strings_per_column).unwrap_or(piece)
    }
}

/// Skips a count and `per_column` strings for each counted column.
fn after_strings(piece: &[u8], per_column: u64) -> Option<&[u8]> {
    let (columns, mut rest) = number(piece)?;
    for _ in 0..columns.checked_mul(per_column)? {
        let (length, text) = number(rest)?;
        rest = text.get(usize::try_from(length).ok()?..)?;
    }
    Some(rest)
}

/// An unsigned LEB128 number.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_goes_out_once() {
        let mut prologue = Prologue::of("RowBinaryWithNamesAndTypes").unwrap();
        let head = [&[2, 1][..], b"a", &[1], b"b", &[5], b"UInt8", &[5], b"UInt8"].concat();
        let piece = [&head[..], &[7, 8]].concat();
        assert_eq!(prologue.strip(&piece), piece);
        assert_eq!(prologue.strip(&piece), [7, 8]);
        let mut names = Prologue::of("RowBinaryWithNames").unwrap();
        names.strip(&[]);
        assert_eq!(names.strip(&[1, 1, b'a', 9]), [9]);
    }

    #[test]
    fn formats_with_an_envelope_are_not_streamed() {
        for format in ["JSON", "CSVWithNames", "TSVWithNames", "Pretty", "Parquet", "Values", "XML", ""] {
            assert_eq!(Prologue::of(format), None, "{format}");
        }
    }

    #[test]
    fn a_long_name_and_a_cut_head_are_handled() {
        let name = vec![b'x'; 300];
        let piece = [&[1, 0xac, 0x02][..], &name, &[9]].concat();
        assert_eq!(after_strings(&piece, 1), Some(&[9][..]));
        assert_eq!(after_strings(&piece[..100], 1), None);
        assert_eq!(after_strings(&[0xff; 20], 1), None);
    }
}
