//! Encryption of scoped PDUs: DES in CBC (RFC 3414 section 8), AES in CFB-128 (RFC 3826).

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use des::Des;

use super::{Key, Privacy};

const DES_BLOCK: usize = 8;

/// What a cipher starts from: the engine's clock as the message states it, and the salt in the message.
pub(super) struct Vector<'a> {
    pub(super) boots: u32,
    pub(super) time_s: u32,
    pub(super) salt: &'a [u8],
}

/// Empty if the key does not fit, which no configuration can bring about.
pub(super) fn encrypt(privacy: Privacy, key: &Key, vector: &Vector<'_>, plain: &[u8]) -> Vec<u8> {
    let mut bytes = plain.to_vec();
    let done = match privacy {
        Privacy::None => Some(()),
        Privacy::Des => {
            bytes.resize(bytes.len().next_multiple_of(DES_BLOCK), 0);
            let length = bytes.len();
            des_parts(key, vector).and_then(|(key, iv)| {
                let cipher = cbc::Encryptor::<Des>::new_from_slices(&key, &iv).ok()?;
                cipher.encrypt_padded::<NoPadding>(&mut bytes, length).ok().map(|_| ())
            })
        }
        Privacy::Aes128 => aes::<cfb_mode::Encryptor<Aes128>>(key, vector).map(|cipher| cipher.encrypt(&mut bytes)),
        Privacy::Aes192 | Privacy::Aes192c => {
            aes::<cfb_mode::Encryptor<Aes192>>(key, vector).map(|cipher| cipher.encrypt(&mut bytes))
        }
        Privacy::Aes256 | Privacy::Aes256c => {
            aes::<cfb_mode::Encryptor<Aes256>>(key, vector).map(|cipher| cipher.encrypt(&mut bytes))
        }
    };
    done.map(|()| bytes).unwrap_or_default()
}

/// `None` for what cannot have been encrypted so.
pub(super) fn decrypt(privacy: Privacy, key: &Key, vector: &Vector<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = sealed.to_vec();
    match privacy {
        Privacy::None => {}
        Privacy::Des => {
            if !bytes.len().is_multiple_of(DES_BLOCK) {
                return None;
            }
            let (key, iv) = des_parts(key, vector)?;
            let cipher = cbc::Decryptor::<Des>::new_from_slices(&key, &iv).ok()?;
            cipher.decrypt_padded::<NoPadding>(&mut bytes).ok()?;
        }
        Privacy::Aes128 => aes::<cfb_mode::Decryptor<Aes128>>(key, vector)?.decrypt(&mut bytes),
        Privacy::Aes192 | Privacy::Aes192c => aes::<cfb_mode::Decryptor<Aes192>>(key, vector)?.decrypt(&mut bytes),
        Privacy::Aes256 | Privacy::Aes256c => aes::<cfb_mode::Decryptor<Aes256>>(key, vector)?.decrypt(&mut bytes),
    }
    Some(bytes)
}

/// Key and initialisation vector: the second half of the key, xor the salt.
fn des_parts(key: &Key, vector: &Vector<'_>) -> Option<([u8; 8], [u8; 8])> {
    let (own, rest) = key.0.split_first_chunk::<8>()?;
    let (before, _) = rest.split_first_chunk::<8>()?;
    let salt = <[u8; 8]>::try_from(vector.salt).ok()?;
    let mut iv = *before;
    for (byte, salt) in iv.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    Some((*own, iv))
}

fn aes<C: KeyIvInit>(key: &Key, vector: &Vector<'_>) -> Option<C> {
    if vector.salt.len() != 8 {
        return None;
    }
    let iv = [&vector.boots.to_be_bytes(), &vector.time_s.to_be_bytes(), vector.salt].concat();
    C::new_from_slices(&key.0, &iv).ok()
}
