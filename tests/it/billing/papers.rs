//! What others get: documents for machines and people, meters for other systems, and dossiers that prove a line by themselves.

use anyhow::Result;
use serde_json::Value;

use super::{Office, code, said};

const PAPERS: &str = "\n[papers]\nnumber_prefix = \"R-\"\n[papers.seller]\nname = \"Händler GmbH\"\ncountry = \"DE\"\nvat_id = \"DE123456789\"\n\
    [papers.tax]\ncategory = \"S\"\npercent = \"19\"\n[papers.buyers.acme]\nname = \"Acme\"\ncountry = \"IE\"\nreference = \"PO 1\"\n\
    [papers.meter_maps]\nmine = [{ head = \"SN\", holds = \"serial\" }, { head = \"Count\", holds = \"reading\" }]\n";

async fn office() -> Result<Office> {
    let office = Office::open().await?;
    let config = &office.cloud.world.billing_config;
    std::fs::write(config, std::fs::read_to_string(config)? + PAPERS)?;
    office.issue("2026-03").await?;
    Ok(office)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_invoice_is_exported_in_every_format() -> Result<()> {
    let office = office().await?;
    let export = async |number: &str, format: &str, more: &[&str]| -> Result<String> {
        let arguments = [&["export", "invoice", "--tenant", "acme", number, "--format", format], more].concat();
        let output = office.analytics(&arguments).await?;
        assert_eq!(code(&output), Some(0), "{format}: {output:?}");
        Ok(said(&output))
    };
    let json = export("1", "json", &[]).await?;
    let kept = office
        .cloud
        .world
        .query("SELECT sha256 = lower(hex(SHA256(document))), document FROM invoices FORMAT TSVRaw")
        .await?;
    assert_eq!(kept, format!("1\t{json}"), "the document, byte for byte");
    let csv = export("1", "csv", &[]).await?;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    // 14.96 net and 19 % on it.
    let ubl = export("1", "ubl", &[]).await?;
    assert!(ubl.contains("<cbc:ID>R-1</cbc:ID>") && ubl.contains(">17.80</cbc:PayableAmount>"), "{ubl}");
    let file = office.cloud.world.dir.join("1.pdf");
    export("1", "pdf", &["--language", "de", "--output", &file.to_string_lossy()]).await?;
    assert!(std::fs::read(&file)?.starts_with(b"%PDF-"));
    assert_eq!(export("1", "meters-csv", &["--map", "mine"]).await?, "SN,Count\nVCF1234567,1500\n");
    let automate = export("1", "meters-csv", &["--map", "e-automate"]).await?;
    assert_eq!(automate.lines().nth(1), Some("VCF1234567,VCF1234567,total,1500,2026-03-31,N,read"));
    assert!(export("1", "meters-xml", &[]).await?.contains("<serial>VCF1234567</serial>"));
    let unknown = ["export", "invoice", "--tenant", "acme", "1", "--format", "meters-csv", "--map", "yours"];
    let unknown = office.analytics(&unknown).await?;
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("plain, e-automate, mine"), "{unknown:?}");

    let corrected = office.bill("correct", &["1"]).await?;
    assert_eq!(code(&corrected), Some(0), "{corrected:?}");
    let note = export("2", "ubl", &[]).await?;
    assert!(note.contains("<cbc:CreditNoteTypeCode>381<") && note.contains(">17.80</cbc:PayableAmount>"), "{note}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dossier_proves_a_line_by_itself_and_a_changed_byte_is_named_with_its_line() -> Result<()> {
    let office = office().await?;
    let made = office.bill("dossier", &["1", "2"]).await?;
    assert_eq!(code(&made), Some(0), "{made:?}");
    let text = said(&made);
    let file: Value = serde_json::from_str(&text)?;
    let readings = file["dossier"]["readings"].as_array().unwrap();
    let raw: Vec<i64> = readings.iter().map(|reading| reading["raw"].as_i64().unwrap()).collect();
    assert_eq!(raw, [1_000, 1_500], "from the read before the period to the last in it");
    for reading in readings {
        let payloads = file["dossier"]["payloads"].as_array().unwrap();
        let brought = payloads.iter().any(|of| of["payload"] == reading["payload"] && of["seq"] == reading["seq"]);
        assert!(reading["agent"] == "acme.one" && reading["epoch"] == "7" && brought, "{reading}");
    }
    let path = office.cloud.world.dir.join("dossier.json");
    let check = async |text: &[u8]| -> Result<(Option<i32>, String)> {
        std::fs::write(&path, text)?;
        let binary =
            office.cloud.world.tool("analytics", &["bill", "dossier", "--check", &path.to_string_lossy()]).await?;
        Ok((code(&binary), said(&binary)))
    };
    let (whole, words) = check(text.as_bytes()).await?;
    assert!(whole == Some(0) && words.starts_with("holds: line 2 of document 1 of acme, 2 readings"), "{words}");
    for at in (0..text.len()).step_by(text.len() / 40) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let (wrong, words) = check(&bytes).await?;
        let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        assert_eq!(wrong, Some(1), "byte {at}: {words}");
        let near = [line - 1, line, line + 1].iter().any(|line| words.contains(&format!("line {line}, bytes ")));
        assert!(near, "byte {at} stands in line {line}: {words}");
    }
    let none = office.bill("dossier", &["1", "9"]).await?;
    assert_eq!(code(&none), Some(64), "{none:?}");
    Ok(())
}
