//! Looks at certificate files and says what is wrong and what to do: expiry, chain, key, key mode, CN, revocation.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use schemas::id::AgentCn;
use serde::Serialize;
use time::OffsetDateTime;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::limits::{CHECK_FILES_MAX, RENEW_BELOW_SHARE};
use crate::pki::{CA_FILE, CRL_FILE, files};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Good,
    /// Works now; becomes wrong by itself.
    Soon,
    Wrong,
}

/// One line of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub level: Level,
    pub file: PathBuf,
    /// What is the matter and what to do.
    pub words: String,
}

/// Checks files, and of folders every `*.pem` with the key beside it. `now` in Unix seconds.
/// The authority and the list of revoked certificates are `ca.pem` and `crl.pem` beside each file, unless given.
pub fn check(paths: &[PathBuf], ca: Option<&Path>, crl: Option<&Path>, now: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in paths {
        for file in expand(path, &mut findings) {
            let beside = file.parent().unwrap_or(Path::new("."));
            let ca = ca.map_or_else(|| beside.join(CA_FILE), Path::to_owned);
            let crl = crl.map_or_else(|| beside.join(CRL_FILE), Path::to_owned);
            check_file(&file, &ca, &crl, now, &mut findings);
        }
    }
    findings
}

fn expand(path: &Path, findings: &mut Vec<Finding>) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let listed = std::fs::read_dir(path).map(|entries| {
        let files = entries.flatten().map(|entry| entry.path());
        files.filter(|file| file.extension().is_some_and(|e| e == "pem")).take(CHECK_FILES_MAX).collect::<Vec<_>>()
    });
    let mut files = match listed {
        Ok(files) => files,
        Err(error) => {
            findings.push(wrong(path, format!("cannot be listed: {error}")));
            return Vec::new();
        }
    };
    files.sort();
    if files.is_empty() {
        findings
            .push(wrong(path, "holds no *.pem; give the folder of an authority or of issued certificates".to_owned()));
    }
    files
}

fn check_file(file: &Path, ca: &Path, crl: &Path, now: i64, findings: &mut Vec<Finding>) {
    let text = match files::read(file) {
        Ok(text) => text,
        Err(error) => return findings.push(wrong(file, error.to_string())),
    };
    let before = findings.len();
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(text.as_bytes()).flatten().collect();
    for list in &lists {
        check_list(file, list, now, findings);
    }
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).flatten().collect();
    if certificates.is_empty() && lists.is_empty() {
        findings.push(wrong(file, "holds neither a certificate nor a list of revoked ones in PEM".to_owned()));
    }
    for (at, der) in certificates.iter().enumerate() {
        match X509Certificate::from_der(der) {
            Ok((_, certificate)) => {
                check_certificate(file, &certificate, now, findings);
                if !certificate.is_ca() && at == 0 {
                    check_chain(file, &certificate, ca, findings);
                    check_revoked(file, &certificate, crl, findings);
                    check_key(file, &certificate, findings);
                }
            }
            Err(error) => findings.push(wrong(file, format!("its certificate cannot be read: {error}"))),
        }
    }
    if findings[before..].iter().all(|finding| finding.level == Level::Good) && findings.len() == before {
        findings.push(Finding { level: Level::Good, file: file.to_owned(), words: "is good".to_owned() });
    }
}

fn check_certificate(file: &Path, certificate: &X509Certificate<'_>, now: i64, findings: &mut Vec<Finding>) {
    let (from, until) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    if now < from {
        findings.push(wrong(file, format!("holds from {} only; is this machine's clock right?", date(from))));
    } else if now > until {
        findings.push(wrong(file, format!("expired on {}; issue a new one", date(until))));
    } else {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share of seconds, where precision beyond days is meaningless"
        )]
        let left = (until - now) as f64 / (until - from).max(1) as f64;
        if left < RENEW_BELOW_SHARE {
            let days = (until - now) / 86_400;
            findings.push(soon(file, format!("expires on {} (in {days} days); renew it now", date(until))));
        }
    }
    let client = certificate.extended_key_usage().ok().flatten().is_some_and(|usage| usage.value.client_auth);
    if client {
        let cn = common_name(certificate);
        if cn.as_deref().is_none_or(|cn| cn.parse::<AgentCn>().is_err()) {
            findings.push(wrong(file, format!("its CN {cn:?} is not `tenant.agent`, each 1 to 31 characters a-z 0-9")));
        }
    }
}

fn check_chain(file: &Path, certificate: &X509Certificate<'_>, ca: &Path, findings: &mut Vec<Finding>) {
    let text = match files::read(ca) {
        Ok(text) => text,
        Err(error) => {
            return findings.push(wrong(file, format!("its authority is not at hand ({error}); name it with --ca")));
        }
    };
    let signed = CertificateDer::pem_slice_iter(text.as_bytes()).flatten().any(|der| {
        X509Certificate::from_der(&der).is_ok_and(|(_, authority)| {
            authority.subject() == certificate.issuer()
                && certificate.verify_signature(Some(authority.public_key())).is_ok()
        })
    });
    if !signed {
        findings.push(wrong(
            file,
            format!(
                "was not signed by {}; issue it from that authority, or name the right one with --ca",
                ca.display()
            ),
        ));
    }
}

fn check_revoked(file: &Path, certificate: &X509Certificate<'_>, crl: &Path, findings: &mut Vec<Finding>) {
    let Ok(text) = files::read(crl) else { return };
    let revoked = CertificateRevocationListDer::pem_slice_iter(text.as_bytes()).flatten().any(|der| {
        CertificateRevocationList::from_der(&der).is_ok_and(|(_, list)| {
            list.issuer() == certificate.issuer()
                && list.iter_revoked_certificates().any(|entry| entry.raw_serial() == certificate.raw_serial())
        })
    });
    if revoked {
        findings.push(wrong(file, format!("is revoked by {}; issue a new one", crl.display())));
    }
}

fn check_key(file: &Path, certificate: &X509Certificate<'_>, findings: &mut Vec<Finding>) {
    let key = file.with_extension("key");
    let text = match files::read(&key) {
        Ok(text) => text,
        Err(error) => return findings.push(wrong(file, format!("its key is not beside it: {error}"))),
    };
    match rcgen::KeyPair::from_pem(&text) {
        Ok(pair) if pair.public_key_raw() == &*certificate.public_key().subject_public_key.data => {}
        Ok(_) => findings.push(wrong(&key, format!("belongs to another certificate than {}", file.display()))),
        Err(error) => findings.push(wrong(&key, format!("is no private key in PEM: {error}"))),
    }
    let mode = std::fs::metadata(&key).map_or(0, |meta| meta.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        findings.push(wrong(&key, format!("can be read by others (mode {mode:o}); chmod 600 it")));
    }
}

fn check_list(file: &Path, der: &[u8], now: i64, findings: &mut Vec<Finding>) {
    match CertificateRevocationList::from_der(der) {
        Ok((_, list)) => {
            if let Some(next) = list.next_update().map(|next| next.timestamp()).filter(|next| *next < now) {
                findings.push(wrong(
                    file,
                    format!("was due to be renewed on {}; `broker-config crl` writes it again", date(next)),
                ));
            }
        }
        Err(error) => findings.push(wrong(file, format!("its list of revoked certificates cannot be read: {error}"))),
    }
}

/// The one CN of a certificate's subject; `None` if there is none, several, or no text.
pub fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut names = certificate.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?.to_owned();
    names.next().is_none().then_some(name)
}

fn wrong(file: &Path, words: String) -> Finding {
    Finding { level: Level::Wrong, file: file.to_owned(), words }
}

fn soon(file: &Path, words: String) -> Finding {
    Finding { level: Level::Soon, file: file.to_owned(), words }
}

fn date(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).map_or_else(|_| seconds.to_string(), |at| at.date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Authority, Validity};

    const DAY: i64 = 86_400;

    fn words(findings: &[Finding]) -> String {
        findings.iter().map(|finding| format!("{:?} {}\n", finding.level, finding.words)).collect()
    }

    #[test]
    fn each_defect_is_named_and_good_files_are_good() {
        let root = tempfile::tempdir().unwrap();
        let (dir, out) = (root.path().join("ca"), root.path().join("out"));
        let authority = Authority::create(&dir, "a", Validity::days(100).unwrap(), false).unwrap();
        let issued = authority.issue_agent(&"acme.one".parse().unwrap(), Validity::days(90).unwrap()).unwrap();
        let paths = issued.write(&out, "acme.one", false).unwrap();
        let now = issued.not_after.unix_timestamp() - 89 * DAY;
        let at = |now| check(std::slice::from_ref(&out), None, Some(&dir.join(CRL_FILE)), now);
        assert!(at(now).iter().all(|finding| finding.level == Level::Good), "{}", words(&at(now)));
        assert!(words(&at(now + 80 * DAY)).contains("renew it now"));
        assert!(words(&at(now + 95 * DAY)).contains("expired on"));
        assert!(words(&at(now - 10 * DAY)).contains("clock"));

        authority.revoke("acme.one").unwrap();
        assert!(words(&at(now)).contains("is revoked by"));
        assert!(words(&check(&[dir.join(CRL_FILE)], None, None, now + 60 * DAY)).contains("renewed"));

        std::fs::set_permissions(&paths.key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(words(&at(now)).contains("chmod 600"));
        let other = authority.issue_agent(&"acme.two".parse().unwrap(), Validity::days(90).unwrap()).unwrap();
        std::fs::write(&paths.key, other.key_pem()).unwrap();
        assert!(words(&at(now)).contains("belongs to another certificate"));
        std::fs::write(&paths.key, "nonsense").unwrap();
        assert!(words(&at(now)).contains("is no private key"));

        let foreign = Authority::create(&root.path().join("ca2"), "a", Validity::days(100).unwrap(), false).unwrap();
        let chain = check(&[paths.certificate], Some(&foreign.dir().join(CA_FILE)), None, now);
        assert!(words(&chain).contains("was not signed by"), "same name, another key");
        assert!(words(&check(&[root.path().join("absent")], None, None, now)).contains("read"));
        std::fs::write(out.join("noise.pem"), "hello").unwrap();
        assert!(words(&at(now)).contains("neither a certificate"));
    }
}
