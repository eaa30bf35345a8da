//! Where each text stands: pure arithmetic over the widths of Helvetica.

use crate::papers::paper::{Kind, Paper, PaperLine, Unit};
use crate::statement::Side;

const LEFT: f32 = 56.0;
const RIGHT: f32 = 539.0;
const BOTTOM: f32 = 780.0;
const SMALL: f32 = 8.0;
const NORMAL: f32 = 9.0;
/// Right edges of quantity, price and amount; left edge of the device.
const DEVICE: f32 = 210.0;
const QUANTITY: f32 = 390.0;
const PRICE: f32 = 470.0;

/// One text; `top` is its base line, from the upper edge.
pub(super) struct Place {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) size: f32,
    pub(super) bold: bool,
    /// Windows-1252.
    pub(super) text: Vec<u8>,
}

pub(super) struct Rule {
    pub(super) left: f32,
    pub(super) right: f32,
    pub(super) top: f32,
}

/// One page.
#[derive(Default)]
pub(super) struct Sheet {
    pub(super) texts: Vec<Place>,
    pub(super) rules: Vec<Rule>,
}

/// All pages, numbered.
pub(super) fn sheets(paper: &Paper) -> Vec<Sheet> {
    let mut pen = Pen { sheets: vec![Sheet::default()], top: 64.0 };
    head(&mut pen, paper);
    table(&mut pen, paper);
    totals(&mut pen, paper);
    reads(&mut pen, paper);
    let (count, word) = (pen.sheets.len(), paper.language.words().page);
    for (sheet, number) in pen.sheets.iter_mut().zip(1..) {
        sheet.left(LEFT, 810.0, 7.0, false, &format!("{}: {}", paper.language.words().proof, paper.sha256));
        sheet.right(RIGHT, 810.0, 7.0, false, &format!("{word} {number}/{count}"));
    }
    pen.sheets
}

struct Pen {
    sheets: Vec<Sheet>,
    top: f32,
}

impl Pen {
    /// The sheet that is written on; a new one if less than `room` is left.
    fn sheet(&mut self, room: f32) -> &mut Sheet {
        if self.top + room > BOTTOM {
            self.sheets.push(Sheet::default());
            self.top = 64.0;
        }
        let last = self.sheets.len() - 1;
        &mut self.sheets[last]
    }
}

impl Sheet {
    fn left(&mut self, left: f32, top: f32, size: f32, bold: bool, text: &str) {
        self.texts.push(Place { left, top, size, bold, text: encoded(text) });
    }

    fn right(&mut self, right: f32, top: f32, size: f32, bold: bool, text: &str) {
        let text = encoded(text);
        self.texts.push(Place { left: right - width(&text, size, bold), top, size, bold, text });
    }

    fn rule(&mut self, top: f32) {
        self.rules.push(Rule { left: LEFT, right: RIGHT, top });
    }
}

fn head(pen: &mut Pen, paper: &Paper) {
    let words = paper.language.words();
    let date = |of: crate::billing::LocalDate| paper.language.date(&of.to_string());
    let sheet = pen.sheet(0.0);
    let (seller, buyer) = (&paper.seller, &paper.buyer);
    sheet.left(LEFT, 64.0, 12.0, true, &seller.name);
    let place = format!("{} · {} {} · {}", seller.street, seller.postcode, seller.city, seller.country);
    sheet.left(LEFT, 78.0, SMALL, false, place.trim_start_matches(" · "));
    let mut top = 130.0;
    for text in [&buyer.name, &buyer.street, &format!("{} {}", buyer.postcode, buyer.city), &buyer.country] {
        if !text.trim().is_empty() {
            sheet.left(LEFT, top, 10.0, false, text.trim());
            top += 14.0;
        }
    }
    let title = if paper.kind == Kind::Invoice { words.invoice } else { words.credit_note };
    sheet.left(LEFT, 230.0, 18.0, true, &format!("{title} {}", paper.number));
    let period = format!("{} – {}", date(paper.period.start), date(paper.period.end.day_before()));
    let mut facts =
        vec![(words.date, date(paper.issued)), (words.period, period), (words.contract, paper.contract.clone())];
    facts.extend(paper.due.map(|due| (words.due, date(due))));
    facts.extend(
        paper.credits.as_ref().map(|(number, issued)| (words.corrects, format!("{number} ({})", date(*issued)))),
    );
    for (party, vat) in [(&seller.name, &seller.vat_id), (&buyer.name, &buyer.vat_id)] {
        if !vat.is_empty() {
            facts.push((words.vat_id, format!("{vat} ({party})")));
        }
    }
    let mut top = 254.0;
    for (name, fact) in facts {
        sheet.left(LEFT, top, NORMAL, false, name);
        sheet.left(LEFT + 110.0, top, NORMAL, false, &cut(&fact, 370.0, NORMAL));
        top += 13.0;
    }
    pen.top = top + 20.0;
}

fn table(pen: &mut Pen, paper: &Paper) {
    let words = paper.language.words();
    pen.sheet(60.0);
    let top = pen.top;
    let sheet = pen.sheet(60.0);
    for (left, text) in [(LEFT, words.line), (LEFT + 24.0, words.what), (DEVICE, words.device)] {
        sheet.left(left, top, SMALL, true, text);
    }
    let amount = format!("{} {}", words.amount, paper.currency);
    for (right, text) in [(QUANTITY, words.quantity), (PRICE, words.price), (RIGHT, &*amount)] {
        sheet.right(right, top, SMALL, true, text);
    }
    sheet.rule(top + 5.0);
    pen.top = top + 18.0;
    for line in &paper.lines {
        row(pen, paper, line);
    }
}

fn row(pen: &mut Pen, paper: &Paper, line: &PaperLine) {
    let (words, language) = (paper.language.words(), paper.language);
    pen.sheet(14.0);
    let top = pen.top;
    let sheet = pen.sheet(14.0);
    let quantity = language.amount(&line.quantity.to_string());
    let quantity = match line.unit {
        Unit::Pages => format!("{quantity} {}", words.pages),
        Unit::Days => format!("{quantity} {}", words.days),
        Unit::One => quantity,
    };
    let price = language.amount(&line.price.to_string());
    let price =
        if line.per == 1 { price } else { format!("{price} {} {}", words.per, language.amount(&line.per.to_string())) };
    let what = if line.estimated { format!("{} ({})", line.what, words.estimated) } else { line.what.clone() };
    sheet.left(LEFT, top, NORMAL, false, &line.number.to_string());
    sheet.left(LEFT + 24.0, top, NORMAL, false, &cut(&what, DEVICE - LEFT - 30.0, NORMAL));
    let device = line.device.as_deref().unwrap_or(if line.unit == Unit::One { "" } else { words.all_devices });
    sheet.left(DEVICE, top, NORMAL, false, &cut(device, 110.0, NORMAL));
    sheet.right(QUANTITY, top, NORMAL, false, &quantity);
    sheet.right(PRICE, top, NORMAL, false, &price);
    sheet.right(RIGHT, top, NORMAL, false, &language.amount(&line.amount.to_string()));
    pen.top += 13.0;
}

fn totals(pen: &mut Pen, paper: &Paper) {
    let (words, language) = (paper.language.words(), paper.language);
    pen.sheet(80.0);
    let mut top = pen.top;
    let sheet = pen.sheet(80.0);
    sheet.rule(top - 6.0);
    top += 8.0;
    let tax = format!("{} {} %", words.tax, language.amount(&paper.tax.percent.normalize().to_string()));
    for (name, amount, bold) in
        [(words.net, paper.net, false), (&*tax, paper.tax_amount, false), (words.total, paper.total, true)]
    {
        sheet.right(PRICE, top, NORMAL, bold, name);
        sheet.right(RIGHT, top, NORMAL, bold, &language.amount(&amount.to_string()));
        top += 14.0;
    }
    if !paper.tax.reason.is_empty() {
        sheet.left(LEFT, top, SMALL, false, &cut(&paper.tax.reason, RIGHT - LEFT, SMALL));
        top += 14.0;
    }
    if paper.kind == Kind::Invoice && !paper.seller.iban.is_empty() {
        sheet.left(LEFT, top, NORMAL, false, &format!("{} {}", words.pay, paper.seller.iban));
        top += 14.0;
    }
    pen.top = top + 12.0;
}

/// Both ends of every meter that was billed.
fn reads(pen: &mut Pen, paper: &Paper) {
    let words = paper.language.words();
    let reads = paper.reads();
    if reads.is_empty() {
        return;
    }
    pen.sheet(60.0);
    let top = pen.top;
    pen.sheet(60.0).left(LEFT, top, 11.0, true, words.reads);
    let sheet = pen.sheet(60.0);
    for (left, text) in [(LEFT, words.device), (LEFT + 130.0, words.meter)] {
        sheet.left(left, top + 16.0, SMALL, true, text);
    }
    for (right, text) in [(360.0, words.opening), (480.0, words.closing), (RIGHT, words.pages)] {
        sheet.right(right, top + 16.0, SMALL, true, text);
    }
    sheet.rule(top + 20.0);
    pen.top = top + 32.0;
    for used in reads {
        pen.sheet(12.0);
        let top = pen.top;
        let sheet = pen.sheet(12.0);
        sheet.left(LEFT, top, SMALL, false, &cut(&used.device, 124.0, SMALL));
        sheet.left(LEFT + 130.0, top, SMALL, false, &cut(&used.meter, 70.0, SMALL));
        for (right, side) in [(360.0, &used.opening), (480.0, &used.closing)] {
            sheet.right(right, top, SMALL, false, &end(paper, side.as_ref()));
        }
        sheet.right(RIGHT, top, SMALL, false, &paper.language.amount(&used.pages.to_string()));
        pen.top += 11.0;
    }
}

fn end(paper: &Paper, side: Option<&Side>) -> String {
    let Some(side) = side else { return "–".to_owned() };
    let value = paper.language.amount(&side.value.to_string());
    let day = side.read.as_ref().and_then(|read| read.ts.get(..10)).map(|day| paper.language.date(day));
    match (&*side.method, day) {
        ("interpolated" | "estimated", _) => format!("{value} ({})", paper.language.words().estimated),
        (_, Some(day)) => format!("{value} ({day})"),
        _ => value,
    }
}

/// Windows-1252, as far as it goes.
fn encoded(text: &str) -> Vec<u8> {
    let byte = |c: char| match c {
        ' '..='~' | '\u{a0}'..='ÿ' => u8::try_from(u32::from(c)).unwrap_or(b'?'),
        '€' => 0x80,
        '–' => 0x96,
        '—' => 0x97,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '„' => 0x84,
        '…' => 0x85,
        'Œ' => 0x8c,
        'œ' => 0x9c,
        'Š' => 0x8a,
        'š' => 0x9a,
        'Ž' => 0x8e,
        'ž' => 0x9e,
        'Ÿ' => 0x9f,
        _ => b'?',
    };
    text.chars().map(byte).collect()
}

/// Cut with an ellipsis where it would run into its neighbour.
fn cut(text: &str, room: f32, size: f32) -> String {
    if width(&encoded(text), size, false) <= room {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while !kept.is_empty() && width(&encoded(&kept), size, false) + width(b"\x85", size, false) > room {
        kept.pop();
    }
    format!("{kept}…")
}

/// Points, from the widths of Helvetica in thousandths of the size (Adobe's font metrics); bold is a little wider.
fn width(text: &[u8], size: f32, bold: bool) -> f32 {
    let thousandths: u32 = text.iter().map(|byte| u32::from(helvetica(*byte))).sum();
    let wider = if bold { 1.05 } else { 1.0 };
    #[expect(clippy::cast_precision_loss, reason = "a line of text is far below 2^23 thousandths")]
    let units = thousandths as f32;
    units / 1_000.0 * size * wider
}

fn helvetica(byte: u8) -> u16 {
    match byte {
        b'i' | b'l' => 222,
        b'f' | b'j' | b't' | b'I' | b'.' | b',' | b' ' | b':' | b';' | b'/' | b'!' | b'[' | b']' | 0xa0 | 0xb7 => 278,
        b'r' | b'(' | b')' | b'-' => 333,
        b'c' | b'k' | b's' | b'v' | b'x' | b'y' | b'z' | b'J' => 500,
        0xc0..=0xff => 600,
        b'F' | b'T' | b'Z' => 611,
        b'A' | b'B' | b'E' | b'K' | b'P' | b'S' | b'V' | b'X' | b'Y' => 667,
        b'w' | b'C' | b'D' | b'H' | b'N' | b'R' | b'U' => 722,
        b'G' | b'O' | b'Q' => 778,
        b'm' | b'M' => 833,
        b'%' => 889,
        b'W' => 944,
        0x85 | 0x97 => 1_000,
        _ => 556,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_all_equally_wide_so_that_amounts_line_up() {
        assert!((width(b"1111", 10.0, false) - width(b"8880", 10.0, false)).abs() < f32::EPSILON);
        assert!((width(b"0", 10.0, false) - 5.56).abs() < 0.001);
    }

    #[test]
    fn every_character_of_the_four_languages_can_be_printed() {
        assert!(!encoded("Fällig Zähler Gerät Numéro Échéance N° À Año N.º geschätzt €–…").contains(&b'?'));
        assert_eq!(encoded("日"), b"?");
    }

    #[test]
    fn what_is_too_long_is_cut_with_an_ellipsis() {
        let short = cut("hp:VNB3C12345-and-much-more-text", 60.0, 9.0);
        assert!(short.ends_with('…') && width(&encoded(&short), 9.0, false) <= 60.0, "{short}");
        assert_eq!(cut("hp:A", 60.0, 9.0), "hp:A");
    }
}
