//! Octet strings of words, in which Brother packs counters and the state of supplies. Pure.
//!
//! A word has an id of one byte, the byte 01, the number of value bytes, and the value, highest byte first; `ff` ends the
//! list. Lasers have values of four bytes; old inkjets have two, and one old laser mixes lengths, which reads the same way.

/// Words of one string that are looked at; the fullest one seen has 40.
const WORDS_MAX: usize = 256;

/// All words, by id. Stops at the end mark, at the end of the bytes, or at what is no word.
pub fn all(bytes: &[u8]) -> Vec<(u8, u32)> {
    let mut words = Vec::new();
    let mut rest = bytes;
    while let [id @ 0..=0xfe, 1, length @ 1..=4, tail @ ..] = rest
        && words.len() < WORDS_MAX
    {
        let length = usize::from(*length);
        let Some((value, after)) = tail.split_at_checked(length) else { break };
        words.push((*id, value.iter().fold(0u32, |number, byte| (number << 8) | u32::from(*byte))));
        rest = after;
    }
    words
}

/// The value of the first word with this id. A value of all ones is "not known".
pub fn word(bytes: &[u8], id: u8) -> Option<u32> {
    all(bytes).into_iter().find(|(found, _)| *found == id).map(|(_, value)| value).filter(|value| *value != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_four_and_of_two_bytes_are_read_up_to_the_end_mark() {
        let bytes = hex::decode("0001040000134b02010400000c69010104000006e2ff0001040000ffff").unwrap();
        assert_eq!(all(&bytes), [(0, 4939), (2, 3177), (1, 1762)]);
        assert_eq!((word(&bytes, 1), word(&bytes, 6)), (Some(1762), None));
        assert_eq!(all(&hex::decode("a101020414a201020c14ff").unwrap()), [(0xa1, 0x0414), (0xa2, 0x0c14)]);
    }

    #[test]
    fn a_string_that_ends_within_a_word_yields_what_came_before() {
        let bytes = hex::decode("00010400000f4a0101040000").unwrap();
        assert_eq!(all(&bytes), [(0, 3914)]);
        assert_eq!(all(b"ff"), []);
        assert_eq!(word(&hex::decode("000104ffffffff").unwrap(), 0), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
            proptest::prop_assert!(all(&bytes).len() <= bytes.len() / 4);
        }
    }
}
