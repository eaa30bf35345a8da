//! What the papers say, in German, English, French and Spanish, and how amounts are written there.

use serde::{Deserialize, Serialize};

/// A language of the papers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    De,
    #[default]
    En,
    Fr,
    Es,
}

/// One text per field.
#[derive(Debug)]
pub struct Words {
    pub invoice: &'static str,
    pub credit_note: &'static str,
    pub number: &'static str,
    pub date: &'static str,
    pub due: &'static str,
    pub period: &'static str,
    pub contract: &'static str,
    pub corrects: &'static str,
    pub line: &'static str,
    pub what: &'static str,
    pub device: &'static str,
    pub quantity: &'static str,
    pub price: &'static str,
    pub amount: &'static str,
    pub base_fee: &'static str,
    pub minimum: &'static str,
    pub all_devices: &'static str,
    pub pages: &'static str,
    pub days: &'static str,
    pub per: &'static str,
    pub net: &'static str,
    pub tax: &'static str,
    pub total: &'static str,
    pub reads: &'static str,
    pub estimated: &'static str,
    pub pay: &'static str,
    pub page: &'static str,
    pub proof: &'static str,
    pub opening: &'static str,
    pub closing: &'static str,
    pub meter: &'static str,
    pub vat_id: &'static str,
}

impl Language {
    pub fn words(self) -> &'static Words {
        match self {
            Language::De => &DE,
            Language::En => &EN,
            Language::Fr => &FR,
            Language::Es => &ES,
        }
    }

    /// Digits in groups of three, with the marks of the language. `amount` is plain decimal text.
    pub fn amount(self, amount: &str) -> String {
        let (group, point) = match self {
            Language::De | Language::Es => ('.', ','),
            Language::En => (',', '.'),
            Language::Fr => ('\u{a0}', ','),
        };
        let (sign, digits) = amount.strip_prefix('-').map_or(("", amount), |digits| ("-", digits));
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
        let mut text = String::from(sign);
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                text.push(group);
            }
            text.push(digit);
        }
        if let Some(fraction) = fraction {
            text.push(point);
            text.push_str(fraction);
        }
        text
    }

    /// `2026-01-31` as people write it.
    pub fn date(self, iso: &str) -> String {
        let parts: Vec<&str> = iso.split('-').collect();
        match (self, parts.as_slice()) {
            (Language::De, [year, month, day]) => format!("{day}.{month}.{year}"),
            (Language::Fr | Language::Es, [year, month, day]) => format!("{day}/{month}/{year}"),
            _ => iso.to_owned(),
        }
    }
}

const EN: Words = Words {
    invoice: "Invoice",
    credit_note: "Credit note",
    number: "Number",
    date: "Date",
    due: "Due",
    period: "Period",
    contract: "Contract",
    corrects: "Credits invoice",
    line: "No.",
    what: "Item",
    device: "Device",
    quantity: "Quantity",
    price: "Price",
    amount: "Amount",
    base_fee: "Base fee",
    minimum: "Difference to the minimum amount",
    all_devices: "all devices",
    pages: "pages",
    days: "days",
    per: "per",
    net: "Net",
    tax: "Tax",
    total: "Total",
    reads: "Meter readings",
    estimated: "estimated",
    pay: "Please pay to",
    page: "Page",
    proof: "SHA-256 of the document",
    opening: "Opening",
    closing: "Closing",
    meter: "Meter",
    vat_id: "VAT ID",
};

const DE: Words = Words {
    invoice: "Rechnung",
    credit_note: "Rechnungskorrektur",
    number: "Nummer",
    date: "Datum",
    due: "Fällig",
    period: "Zeitraum",
    contract: "Vertrag",
    corrects: "Korrigiert Rechnung",
    line: "Nr.",
    what: "Leistung",
    device: "Gerät",
    quantity: "Menge",
    price: "Preis",
    amount: "Betrag",
    base_fee: "Grundgebühr",
    minimum: "Differenz zum Mindestbetrag",
    all_devices: "alle Geräte",
    pages: "Seiten",
    days: "Tage",
    per: "je",
    net: "Netto",
    tax: "Umsatzsteuer",
    total: "Gesamt",
    reads: "Zählerstände",
    estimated: "geschätzt",
    pay: "Bitte zahlen an",
    page: "Seite",
    proof: "SHA-256 des Belegs",
    opening: "Anfang",
    closing: "Ende",
    meter: "Zähler",
    vat_id: "USt-IdNr.",
};

const FR: Words = Words {
    invoice: "Facture",
    credit_note: "Avoir",
    number: "Numéro",
    date: "Date",
    due: "Échéance",
    period: "Période",
    contract: "Contrat",
    corrects: "Annule la facture",
    line: "N°",
    what: "Prestation",
    device: "Appareil",
    quantity: "Quantité",
    price: "Prix",
    amount: "Montant",
    base_fee: "Forfait",
    minimum: "Complément au montant minimum",
    all_devices: "tous les appareils",
    pages: "pages",
    days: "jours",
    per: "pour",
    net: "Total HT",
    tax: "TVA",
    total: "Total",
    reads: "Relevés de compteurs",
    estimated: "estimé",
    pay: "À payer à",
    page: "Page",
    proof: "SHA-256 du document",
    opening: "Début",
    closing: "Fin",
    meter: "Compteur",
    vat_id: "N° TVA",
};

const ES: Words = Words {
    invoice: "Factura",
    credit_note: "Factura rectificativa",
    number: "Número",
    date: "Fecha",
    due: "Vencimiento",
    period: "Periodo",
    contract: "Contrato",
    corrects: "Rectifica la factura",
    line: "N.º",
    what: "Concepto",
    device: "Equipo",
    quantity: "Cantidad",
    price: "Precio",
    amount: "Importe",
    base_fee: "Cuota fija",
    minimum: "Diferencia hasta el importe mínimo",
    all_devices: "todos los equipos",
    pages: "páginas",
    days: "días",
    per: "por",
    net: "Base imponible",
    tax: "Impuesto",
    total: "Total",
    reads: "Lecturas de contadores",
    estimated: "estimado",
    pay: "Pagar a",
    page: "Página",
    proof: "SHA-256 del documento",
    opening: "Inicial",
    closing: "Final",
    meter: "Contador",
    vat_id: "NIF-IVA",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_dates_are_written_as_the_language_does() {
        let amounts = [Language::De, Language::En, Language::Fr, Language::Es].map(|of| of.amount("-1234567.80"));
        assert_eq!(amounts, ["-1.234.567,80", "-1,234,567.80", "-1\u{a0}234\u{a0}567,80", "-1.234.567,80"]);
        assert_eq!((Language::En.amount("100"), Language::De.amount("0.0125")), ("100".into(), "0,0125".into()));
        assert_eq!(Language::De.date("2026-01-31"), "31.01.2026");
        assert_eq!(Language::En.date("2026-01-31"), "2026-01-31");
    }
}
