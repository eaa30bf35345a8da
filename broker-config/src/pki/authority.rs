//! Issues and revokes. The signer decides subject, usage, serial and validity itself.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams,
    SanType, SerialNumber,
};
use schemas::id::{AgentCn, SERVICE_TENANT};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::files::{self, KEY_MODE, PUBLIC_MODE};
use super::index::{Entry, Index, State};
use super::{CA_FILE, CA_KEY_FILE, CRL_FILE, INDEX_FILE, PkiError};
use crate::limits::{BACKDATE_HOURS, CRL_DAYS, DAYS_MAX};

/// From when to when a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub not_before: OffsetDateTime,
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// From a day ago (clocks at the sites are wrong) until `days` from now.
    ///
    /// # Errors
    /// When `days` is 0 or beyond any sense.
    pub fn days(days: u32) -> Result<Self, PkiError> {
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(PkiError::Days(days));
        }
        let now = now();
        Ok(Self { not_before: now - Duration::hours(BACKDATE_HOURS), not_after: now + Duration::days(i64::from(days)) })
    }
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Broker,
    Agent,
    Service,
}

/// An authority in its folder, able to sign.
#[derive(Debug)]
pub struct Authority {
    dir: PathBuf,
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A new certificate with its key, not yet in any file.
pub struct Issued {
    pub cn: String,
    /// Hexadecimal.
    pub serial: String,
    pub not_after: OffsetDateTime,
    pub certificate_pem: String,
    key_pem: String,
    ca_pem: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("cn", &self.cn).field("serial", &self.serial).finish_non_exhaustive()
    }
}

/// The files of one certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paths {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub ca: PathBuf,
}

impl Authority {
    /// Makes an authority in `dir`, with an empty list of revoked certificates and an empty index.
    ///
    /// # Errors
    /// When there is one already and `force` is not given, or a file cannot be written.
    pub fn create(dir: &Path, common_name: &str, validity: Validity, force: bool) -> Result<Self, PkiError> {
        files::make_dir(dir)?;
        let _lock = files::Lock::take(dir)?;
        if !force {
            refuse_existing([CA_FILE, CA_KEY_FILE, CRL_FILE, INDEX_FILE].map(|name| dir.join(name)))?;
        }
        let failed = |source| PkiError::Certificate { what: "make the authority", source };
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = params(common_name, &serial(), validity);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate_pem = params.self_signed(&key).map_err(failed)?.pem();
        files::write(&dir.join(CA_KEY_FILE), key.serialize_pem().as_bytes(), KEY_MODE)?;
        files::write(&dir.join(CA_FILE), certificate_pem.as_bytes(), PUBLIC_MODE)?;
        Index::default().write(dir)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key).map_err(failed)?;
        let authority = Self { dir: dir.to_owned(), certificate_pem, issuer };
        authority.write_crl(&mut Index::default(), now() + Duration::days(i64::from(CRL_DAYS)))?;
        Ok(authority)
    }

    /// # Errors
    /// When `dir` holds no authority, or its key and certificate cannot be read.
    pub fn open(dir: &Path) -> Result<Self, PkiError> {
        let failed = |source| PkiError::Certificate { what: "read the authority", source };
        let certificate_pem = files::read(&dir.join(CA_FILE))?;
        let key = KeyPair::from_pem(&files::read(&dir.join(CA_KEY_FILE))?).map_err(failed)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key).map_err(failed)?;
        Ok(Self { dir: dir.to_owned(), certificate_pem, issuer })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The certificate of the authority, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A broker's certificate (server usage) for the names and addresses that clients connect to; the CN is the first.
    ///
    /// # Errors
    /// When no name is given or one cannot stand in a certificate.
    pub fn issue_broker(&self, names: &[String], validity: Validity) -> Result<Issued, PkiError> {
        let first = names.first().ok_or(PkiError::NoName)?;
        let mut alternatives = Vec::new();
        for name in names {
            alternatives.push(alternative(name)?);
        }
        self.issue(first, Kind::Broker, validity, alternatives, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// An agent's certificate (client usage); its CN is the whole identity.
    ///
    /// # Errors
    /// When the CN is one of the reserved tenant, or the index cannot be written.
    pub fn issue_agent(&self, cn: &AgentCn, validity: Validity) -> Result<Issued, PkiError> {
        if cn.is_service() {
            return Err(PkiError::ServiceName(cn.to_string()));
        }
        self.issue(cn.as_str(), Kind::Agent, validity, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A certificate (client usage) for `service.NAME`; one per worker.
    ///
    /// # Errors
    /// When the name cannot stand in a CN, or the index cannot be written.
    pub fn issue_service(&self, name: &str, validity: Validity) -> Result<Issued, PkiError> {
        let cn: AgentCn =
            format!("{SERVICE_TENANT}.{name}").parse().map_err(|_| PkiError::NotAService(name.to_owned()))?;
        self.issue(cn.as_str(), Kind::Service, validity, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// Revokes all certificates of a CN, or one serial, and writes a new list. Revoking twice changes nothing but the list.
    ///
    /// # Errors
    /// When nothing was issued under that name, or a file cannot be written.
    pub fn revoke(&self, name: &str) -> Result<Vec<Entry>, PkiError> {
        let _lock = files::Lock::take(&self.dir)?;
        let mut index = Index::read(&self.dir)?;
        let revoked = index.revoke(name, now().unix_timestamp());
        if revoked.is_empty() {
            return Err(PkiError::Unknown(name.to_owned()));
        }
        self.write_crl(&mut index, now() + Duration::days(i64::from(CRL_DAYS)))?;
        Ok(revoked)
    }

    /// Writes the list again, so that it is not past its `next update`.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn renew_crl(&self, next_update: OffsetDateTime) -> Result<u64, PkiError> {
        let _lock = files::Lock::take(&self.dir)?;
        let mut index = Index::read(&self.dir)?;
        self.write_crl(&mut index, next_update)?;
        Ok(index.crl_number)
    }

    fn issue(
        &self,
        cn: &str,
        kind: Kind,
        validity: Validity,
        alternatives: Vec<SanType>,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Issued, PkiError> {
        let failed = |source| PkiError::Certificate { what: "issue a certificate", source };
        let serial = serial();
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = params(cn, &serial, validity);
        params.subject_alt_names = alternatives;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let serial = hex::encode(serial);
        self.book(Entry {
            serial: serial.clone(),
            cn: cn.to_owned(),
            kind,
            not_after: validity.not_after.unix_timestamp(),
            state: State::Issued,
            revoked_at: None,
        })?;
        Ok(Issued {
            cn: cn.to_owned(),
            serial,
            not_after: validity.not_after,
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            ca_pem: self.certificate_pem.clone(),
        })
    }

    fn book(&self, entry: Entry) -> Result<(), PkiError> {
        let _lock = files::Lock::take(&self.dir)?;
        let mut index = Index::read(&self.dir)?;
        index.certificates.push(entry);
        index.write(&self.dir)
    }

    /// The index first: a list may lag behind the book, never the other way round.
    fn write_crl(&self, index: &mut Index, next_update: OffsetDateTime) -> Result<(), PkiError> {
        let failed = |source| PkiError::Certificate { what: "sign the list of revoked certificates", source };
        index.crl_number += 1;
        index.write(&self.dir)?;
        let revoked_certs = index.revoked().filter_map(revoked_params).collect();
        let params = CertificateRevocationListParams {
            this_update: now(),
            next_update,
            crl_number: SerialNumber::from_slice(&index.crl_number.to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let text = params.signed_by(&self.issuer).and_then(|list| list.pem()).map_err(failed)?;
        Ok(files::write(&self.dir.join(CRL_FILE), text.as_bytes(), PUBLIC_MODE)?)
    }
}

impl Issued {
    /// Writes `NAME.pem`, `NAME.key` (0600) and `ca.pem` into `dir`, the key first.
    ///
    /// # Errors
    /// When one exists and `force` is not given (a `ca.pem` with the same content may exist), or writing fails.
    pub fn write(&self, dir: &Path, name: &str, force: bool) -> Result<Paths, PkiError> {
        files::make_dir(dir)?;
        let paths = Paths {
            certificate: dir.join(format!("{name}.pem")),
            key: dir.join(format!("{name}.key")),
            ca: dir.join(CA_FILE),
        };
        let same_ca = files::read(&paths.ca).is_ok_and(|text| text == self.ca_pem);
        if !force {
            let mut wanted = vec![paths.certificate.clone(), paths.key.clone()];
            wanted.extend((!same_ca).then(|| paths.ca.clone()));
            refuse_existing(wanted)?;
        }
        files::write(&paths.key, self.key_pem.as_bytes(), KEY_MODE)?;
        files::write(&paths.certificate, self.certificate_pem.as_bytes(), PUBLIC_MODE)?;
        if !same_ca {
            files::write(&paths.ca, self.ca_pem.as_bytes(), PUBLIC_MODE)?;
        }
        Ok(paths)
    }

    /// The private key, PEM. Never log it.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }
}

fn refuse_existing(paths: impl IntoIterator<Item = PathBuf>) -> Result<(), PkiError> {
    let existing: Vec<PathBuf> = paths.into_iter().filter(|path| path.exists()).collect();
    if existing.is_empty() { Ok(()) } else { Err(PkiError::Exists(existing)) }
}

fn params(common_name: &str, serial: &[u8], validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = validity.not_before;
    params.not_after = validity.not_after;
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params
}

fn alternative(name: &str) -> Result<SanType, PkiError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let valid = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'*'));
    let text = name.try_into().map_err(|_| PkiError::Name(name.to_owned()))?;
    if valid { Ok(SanType::DnsName(text)) } else { Err(PkiError::Name(name.to_owned())) }
}

fn revoked_params(entry: &Entry) -> Option<RevokedCertParams> {
    Some(RevokedCertParams {
        serial_number: SerialNumber::from_slice(&hex::decode(&entry.serial).ok()?),
        revocation_time: OffsetDateTime::from_unix_timestamp(entry.revoked_at?).ok()?,
        reason_code: Some(RevocationReason::Unspecified),
        invalidity_date: None,
    })
}

/// 127 random bits, positive and without a leading zero byte (RFC 5280 §4.1.2.2).
fn serial() -> [u8; 16] {
    let mut serial: [u8; 16] = rand::random();
    serial[0] = (serial[0] & 0x7f) | 0x40;
    serial
}

/// Certificates live in real time; no drill drives them.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn authority(dir: &Path) -> Authority {
        Authority::create(dir, "test authority", Validity::days(10).unwrap(), false).unwrap()
    }

    #[test]
    fn what_is_issued_is_booked_and_its_key_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let authority = authority(dir.path());
        let issued = authority.issue_agent(&"acme.one".parse().unwrap(), Validity::days(90).unwrap()).unwrap();
        let paths = issued.write(&dir.path().join("out"), "acme.one", false).unwrap();
        assert_eq!(std::fs::metadata(paths.key).unwrap().permissions().mode() & 0o777, 0o600);
        let index = Index::read(dir.path()).unwrap();
        assert_eq!((index.certificates[0].cn.as_str(), index.certificates[0].state), ("acme.one", State::Issued));
        assert!(!format!("{issued:?}").contains("PRIVATE"), "a key never shows in Debug");
    }

    #[test]
    fn nothing_is_overwritten_unless_forced() {
        let dir = tempfile::tempdir().unwrap();
        let first = authority(dir.path());
        let ten = Validity::days(10).unwrap();
        assert!(matches!(Authority::create(dir.path(), "x", ten, false), Err(PkiError::Exists(_))));
        let issued = first.issue_service("ingest1", ten).unwrap();
        issued.write(dir.path(), "service.ingest1", false).unwrap();
        assert!(matches!(issued.write(dir.path(), "service.ingest1", false), Err(PkiError::Exists(_))));
        issued.write(dir.path(), "service.ingest1", true).unwrap();
        Authority::create(dir.path(), "x", ten, true).unwrap();
    }

    #[test]
    fn names_that_mean_something_else_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let authority = authority(dir.path());
        let ten = Validity::days(10).unwrap();
        assert!(matches!(
            authority.issue_agent(&"service.ingest1".parse().unwrap(), ten),
            Err(PkiError::ServiceName(_))
        ));
        for name in ["", "Ingest", "a.b", "a/b", "in gest"] {
            assert!(matches!(authority.issue_service(name, ten), Err(PkiError::NotAService(_))), "{name:?}");
        }
        for name in ["", "a b", "http://x", "bücher.example"] {
            assert!(matches!(authority.issue_broker(&[name.to_owned()], ten), Err(PkiError::Name(_))), "{name:?}");
        }
        assert!(matches!(authority.issue_broker(&[], ten), Err(PkiError::NoName)));
        assert!(matches!(Validity::days(0), Err(PkiError::Days(0))));
    }

    #[test]
    fn revoking_marks_the_book_and_raises_the_number_of_the_list() {
        let dir = tempfile::tempdir().unwrap();
        let authority = authority(dir.path());
        let ten = Validity::days(10).unwrap();
        let cn = "acme.one".parse().unwrap();
        let first = authority.issue_agent(&cn, ten).unwrap();
        authority.issue_agent(&cn, ten).unwrap();
        assert_eq!(authority.revoke(&first.serial.to_uppercase()).unwrap().len(), 1);
        assert_eq!(authority.revoke("acme.one").unwrap().len(), 2, "both certificates of the CN");
        assert!(matches!(authority.revoke("acme.two"), Err(PkiError::Unknown(_))));
        let index = Authority::open(dir.path()).map(|_| Index::read(dir.path()).unwrap()).unwrap();
        assert_eq!((index.revoked().count(), index.crl_number), (2, 3));
    }
}
