//! Seeded chance without state: a number that depends on nothing but the seed and the keys.
//! So a printer's life is the same whether it is advanced in one step or in a thousand, on every machine and in every
//! release (the generators of `rand` promise no such thing across versions).

/// Mixes a seed with keys (SplitMix64 finaliser after each key).
#[must_use]
pub fn mix(seed: u64, keys: &[u64]) -> u64 {
    keys.iter().fold(finalise(seed), |acc, key| finalise(acc ^ key.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}

/// A number in `0..n`; 0 when `n` is 0.
#[must_use]
pub fn below(seed: u64, keys: &[u64], n: u64) -> u64 {
    let wide = u128::from(mix(seed, keys)) * u128::from(n);
    u64::try_from(wide >> 64).unwrap_or(0)
}

/// True in `permille` of 1,000 cases.
#[must_use]
pub fn permille(seed: u64, keys: &[u64], permille: u32) -> bool {
    below(seed, keys, 1000) < u64::from(permille)
}

fn finalise(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_depends_on_seed_and_keys_only_and_stays_in_range() {
        assert_eq!(mix(7, &[1, 2]), mix(7, &[1, 2]));
        assert_ne!(mix(7, &[1, 2]), mix(7, &[2, 1]));
        assert_ne!(mix(7, &[1]), mix(8, &[1]));
        assert!((0..1000).all(|k| below(3, &[k], 10) < 10));
        assert_eq!(below(3, &[1], 0), 0);
        let hits = (0..10_000).filter(|k| permille(5, &[*k], 250)).count();
        assert!((2300..2700).contains(&hits), "{hits}");
    }
}
