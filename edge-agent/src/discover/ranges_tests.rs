use super::*;

fn ranges(include: &[&str], exclude: &[&str]) -> Result<Ranges, RangeError> {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Ranges::new(&[RangeConfig { include: own(include), exclude: own(exclude), ..RangeConfig::default() }])
}

fn hosts(ranges: &Ranges) -> Vec<String> {
    ranges
        .targets()
        .map(|target| match target.host {
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name,
        })
        .collect()
}

#[test]
fn every_form_of_a_range_is_understood() {
    let ranges =
        ranges(&["10.0.0.0/30", "10.0.1.5-7", "10.0.2.9 - 10.0.2.10", "10.0.3.1", "printer-3.example", "fd00::7"], &[])
            .unwrap();
    assert_eq!(
        hosts(&ranges),
        [
            "10.0.0.1",
            "10.0.0.2",
            "10.0.1.5",
            "10.0.1.6",
            "10.0.1.7",
            "10.0.2.9",
            "10.0.2.10",
            "10.0.3.1",
            "printer-3.example",
            "fd00::7"
        ]
    );
}

#[test]
fn excludes_win_over_includes() {
    let ranges = ranges(&["10.0.0.0/29", "a.example", "b.example"], &["10.0.0.2-5", "A.example"]).unwrap();
    assert_eq!(hosts(&ranges), ["10.0.0.1", "10.0.0.6", "b.example"]);
    assert!(ranges.allows("10.0.0.1".parse().unwrap()) && !ranges.allows("10.0.0.3".parse().unwrap()));
}

#[test]
fn overlapping_ranges_ask_an_address_once() {
    let one = |text: &str| RangeConfig { include: vec![text.into()], ..RangeConfig::default() };
    let ranges = Ranges::new(&[one("10.0.0.0/30"), one("10.0.0.1-4")]).unwrap();
    assert_eq!(hosts(&ranges), ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]);
}

#[test]
fn a_range_wider_than_a_16_is_refused_unless_forced() {
    assert!(matches!(ranges(&["10.0.0.0/15"], &[]), Err(RangeError::TooWide { .. })));
    assert!(matches!(ranges(&["fd00::/64"], &[]), Err(RangeError::TooWide { .. })));
    assert!(ranges(&["10.0.0.0/16"], &[]).is_ok());
    let forced = RangeConfig { include: vec!["10.0.0.0/15".into()], force: true, ..RangeConfig::default() };
    assert_eq!(Ranges::new(&[forced]).unwrap().len(), 131_070);
}

#[test]
fn a_mistyped_address_is_an_error_and_not_a_name() {
    for bad in
        ["10.0.0.256", "10.0.0", "10.0.0.0/33", "10.0.0.9-5", "10.0.0.1-fd00::1", "", "a b", "-a.example", "10.0.0.1-x"]
    {
        assert!(ranges(&[bad], &[]).is_err(), "{bad:?}");
    }
}

#[test]
fn a_whole_16_is_iterated_without_being_stored() {
    let ranges = ranges(&["10.0.0.0/16"], &["10.0.0.0/17"]).unwrap();
    assert_eq!(ranges.targets().count(), 32_767);
}

#[test]
fn a_list_of_addresses_is_read_from_a_file_and_a_wrong_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("printers.csv");
    let list = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Ranges::new(&[RangeConfig { include_file: Some(path.clone()), ..RangeConfig::default() }])
    };
    let ranges = list("# printers\n10.0.0.7,first floor\n\nprinter-3.example  # second\n10.0.1.0/30\n").unwrap();
    assert_eq!(hosts(&ranges), ["10.0.0.7", "printer-3.example", "10.0.1.1", "10.0.1.2"]);
    assert_eq!(list("10.0.0.777\n"), Err(RangeError::Form("10.0.0.777".into())));
    std::fs::remove_file(&path).unwrap();
    let gone = Ranges::new(&[RangeConfig { include_file: Some(path.clone()), ..RangeConfig::default() }]);
    assert!(gone.unwrap_err().to_string().contains("printers.csv"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_understood_or_refused(text in ".{0,60}") {
        let _ = ranges(&[&text], &[&text]);
    }
}
