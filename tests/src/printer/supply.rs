//! What is left in a printer's cartridges and how a page draws on them. Pure arithmetic on thousandths of a page.

use super::chance::{below, permille};
use super::model::{Color, LevelStyle, Supply, SupplyKind};

/// What is left of one supply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplyState {
    /// Thousandths of a page at nominal coverage (a receptacle: room left).
    pub left: u64,
    /// Pages of the cartridge that is in now.
    pub pages: u32,
    /// Counts the cartridges, from 0.
    pub cartridge: u32,
    /// When each swap took place, Unix seconds.
    pub swaps: Vec<i64>,
    /// Somebody replaces it at this level, before it stops the device.
    pub(super) swap_at: u64,
    pub(super) swap_due: bool,
}

impl SupplyState {
    /// What is left in per mille of the cartridge.
    #[must_use]
    pub fn permille(&self) -> u32 {
        u32::try_from(self.left / u64::from(self.pages.max(1))).unwrap_or(1000)
    }
}

/// The supply a device has at the start of its life here: partly used.
pub(super) fn first(seed: u64, place: usize, spec: &Supply) -> SupplyState {
    // an older device has long left its starter cartridge behind; an unknown level begins like any other
    let young = permille(seed, &[30, place as u64], 500) && spec.level != LevelStyle::Unknown;
    let pages = if young { spec.pages * spec.starter / 100 } else { spec.pages };
    let full = cartridge(seed, place, 0, pages);
    SupplyState { left: u64::from(part(seed, 31, place, pages, 6)) * 1000, ..full }
}

/// A new cartridge, full.
pub(super) fn cartridge(seed: u64, place: usize, number: u32, pages: u32) -> SupplyState {
    let keys = [32, place as u64, u64::from(number)];
    // three of ten are replaced early, at 1 to 8 % left
    let early = if permille(seed, &keys, 300) { 10 + below(seed, &[33, keys[1], keys[2]], 70) } else { 0 };
    let left = u64::from(pages) * 1000;
    SupplyState { left, pages, cartridge: number, swaps: Vec::new(), swap_at: left / 1000 * early, swap_due: false }
}

/// Toner drawn by a page of this device and colour, in thousandths of a page at nominal coverage.
fn coverage(seed: u64, place: usize) -> u64 {
    600 + below(seed, &[34, place as u64], 1000)
}

/// What a job takes, in thousandths of a page at nominal coverage.
pub(super) fn used(kind: SupplyKind, pages: u64, color: bool, seed: u64, place: usize) -> u64 {
    match kind {
        SupplyKind::Toner(c) | SupplyKind::Ink(c) if color || c == Color::Black => pages * coverage(seed, place),
        SupplyKind::Toner(_) | SupplyKind::Ink(_) => 0,
        SupplyKind::WasteToner | SupplyKind::WasteInk => pages * if color { 1300 } else { 700 },
        SupplyKind::Drum(_) | SupplyKind::Fuser | SupplyKind::Transfer | SupplyKind::Rollers | SupplyKind::Ribbon => {
            pages * 1000
        }
    }
}

/// Between `least` and 100 % of a whole.
pub(super) fn part(seed: u64, key: u64, place: usize, whole: u32, least: u64) -> u32 {
    let percent = least + below(seed, &[key, place as u64], 101 - least);
    u32::try_from(u64::from(whole) * percent / 100).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mono_page_takes_black_only_and_a_colour_page_all_colours() {
        let take = |kind, color| used(kind, 10, color, 5, 0);
        assert_eq!(take(SupplyKind::Toner(Color::Cyan), false), 0);
        assert!((6000..16_000).contains(&take(SupplyKind::Ink(Color::Yellow), true)));
        assert_eq!(take(SupplyKind::Toner(Color::Black), false), take(SupplyKind::Toner(Color::Black), true));
        assert_eq!(take(SupplyKind::Drum(Color::Black), false), 10_000);
        assert!(take(SupplyKind::WasteToner, true) > take(SupplyKind::WasteToner, false));
    }

    #[test]
    fn a_supply_is_never_fuller_than_its_cartridge() {
        let spec = Supply {
            index: 1,
            kind: SupplyKind::Toner(Color::Black),
            name: "",
            pages: 5000,
            starter: 40,
            level: LevelStyle::Percent,
        };
        for seed in 0..500 {
            let state = first(seed, 0, &spec);
            assert!((60..=1000).contains(&state.permille()) && [2000, 5000].contains(&state.pages), "{state:?}");
            assert!(state.swap_at < u64::from(state.pages) * 1000 / 10);
        }
    }
}
