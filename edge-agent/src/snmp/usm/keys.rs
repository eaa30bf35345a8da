//! Keys from passwords (RFC 3414 appendix A.2), bound to an engine, long enough for the cipher.

use hmac::{Hmac, KeyInit, Mac};
use md5::Digest;

use super::{Auth, Key, Privacy};

/// Bytes that a password is repeated to before it is hashed.
const EXPANDED_BYTES: usize = 1 << 20;

/// Runs `$body` with `$digest` as the digest of a protocol.
macro_rules! with_digest {
    ($auth:expr, $digest:ident => $body:expr, else $none:expr) => {
        match $auth {
            Auth::None => $none,
            Auth::Md5 => {
                type $digest = md5::Md5;
                $body
            }
            Auth::Sha1 => {
                type $digest = sha1::Sha1;
                $body
            }
            Auth::Sha224 => {
                type $digest = sha2::Sha224;
                $body
            }
            Auth::Sha256 => {
                type $digest = sha2::Sha256;
                $body
            }
            Auth::Sha384 => {
                type $digest = sha2::Sha384;
                $body
            }
            Auth::Sha512 => {
                type $digest = sha2::Sha512;
                $body
            }
        }
    };
}

impl Auth {
    /// Bytes of the digest that a message carries: 12 in RFC 3414, half of the digest and more in RFC 7860 section 4.
    pub(super) fn mac_bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Md5 | Self::Sha1 => 12,
            Self::Sha224 => 16,
            Self::Sha256 => 24,
            Self::Sha384 => 32,
            Self::Sha512 => 48,
        }
    }

    fn hash(self, parts: &[&[u8]]) -> Vec<u8> {
        with_digest!(self, D => {
            let mut digest = D::new();
            for part in parts {
                Digest::update(&mut digest, part);
            }
            digest.finalize().to_vec()
        }, else Vec::new())
    }

    /// The digest of a message, cut to what it carries. Empty without a protocol.
    pub(super) fn mac(self, key: &Key, message: &[u8]) -> Vec<u8> {
        let mut mac = with_digest!(self, D => match <Hmac<D> as KeyInit>::new_from_slice(&key.0) {
            Ok(mut mac) => {
                Mac::update(&mut mac, message);
                mac.finalize().into_bytes().to_vec()
            }
            // HMAC takes keys of any length.
            Err(_) => Vec::new(),
        }, else Vec::new());
        mac.truncate(self.mac_bytes());
        mac
    }
}

/// The key of a password, before it is bound to an engine. Costs some milliseconds: it hashes a megabyte.
pub(super) fn master(auth: Auth, password: &[u8]) -> Key {
    if password.is_empty() {
        return Key(Vec::new());
    }
    let repeated: Vec<u8> = password.iter().copied().cycle().take(password.len().max(1) * 64).collect();
    let whole = EXPANDED_BYTES / repeated.len();
    let rest = EXPANDED_BYTES % repeated.len();
    let mut parts: Vec<&[u8]> = vec![repeated.as_slice(); whole];
    parts.push(repeated.get(..rest).unwrap_or_default());
    Key(auth.hash(&parts))
}

/// RFC 3414 section 2.6: the key for one engine.
pub(super) fn localised(auth: Auth, master: &Key, engine: &[u8]) -> Key {
    Key(auth.hash(&[&master.0, engine, &master.0]))
}

/// The privacy key for one engine, as long as the cipher wants it.
pub(super) fn localised_private(auth: Auth, privacy: Privacy, own: &Key, engine: &[u8]) -> Key {
    let mut key = localised(auth, own, engine);
    let wanted = privacy.key_bytes();
    while key.0.len() < wanted && !key.0.is_empty() {
        let more = match privacy {
            Privacy::Aes192c | Privacy::Aes256c => localised(auth, &master(auth, &key.0), engine).0,
            Privacy::None | Privacy::Des | Privacy::Aes128 | Privacy::Aes192 | Privacy::Aes256 => auth.hash(&[&key.0]),
        };
        key.0.extend(more);
    }
    key.0.truncate(wanted);
    key
}

impl Privacy {
    /// DES: 8 bytes of key and 8 of what the initialisation vector is made of.
    pub(super) fn key_bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Des | Self::Aes128 => 16,
            Self::Aes192 | Self::Aes192c => 24,
            Self::Aes256 | Self::Aes256c => 32,
        }
    }
}
