//! Whether a series of documents is whole: numbers without gaps, bytes that fit their hash, each naming the one before it,
//! and each still priced as it says.

use super::document::{Document, sha256};

/// A document as it is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    pub number: u64,
    pub sha256: String,
    pub previous_sha256: String,
    pub bytes: Vec<u8>,
}

/// The first link that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("document {number}: {why}")]
pub struct Broken {
    pub number: u64,
    pub why: String,
}

/// Checks documents one after another, in the order of their numbers.
#[derive(Debug, Default)]
pub struct Chain {
    /// By number, from 1.
    hashes: Vec<String>,
}

impl Chain {
    /// How many documents hold.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Hash of the last document that holds; empty before the first.
    pub fn last_sha256(&self) -> &str {
        self.hashes.last().map_or("", String::as_str)
    }

    /// # Errors
    /// [`Broken`], saying what does not fit.
    pub fn add(&mut self, kept: &Kept) -> Result<Document, Broken> {
        let broken = |why: String| Broken { number: kept.number, why };
        let next = self.hashes.len() as u64 + 1;
        if kept.number > next {
            return Err(Broken { number: next, why: format!("is missing; the next is {}", kept.number) });
        }
        if kept.number < next {
            return Err(broken("there are two documents with this number".to_owned()));
        }
        let found = sha256(&kept.bytes);
        if found != kept.sha256 {
            return Err(broken(format!("its bytes have the hash {found}, its header says {}", kept.sha256)));
        }
        if kept.previous_sha256 != self.last_sha256() {
            let (claimed, last) = (&kept.previous_sha256, self.last_sha256());
            return Err(broken(format!("it follows {claimed:?}, but the one before is {last:?}")));
        }
        let document = Document::parse(&kept.bytes).map_err(|error| broken(error.to_string()))?;
        let head = &document.head;
        if head.number != kept.number || head.previous_sha256 != kept.previous_sha256 {
            return Err(broken("its header and its content name different numbers or predecessors".to_owned()));
        }
        for named in document.names() {
            let at = usize::try_from(named.number.wrapping_sub(1)).unwrap_or(usize::MAX);
            if self.hashes.get(at) != Some(&named.sha256) {
                return Err(broken(format!("it names document {} with a hash that is not that one's", named.number)));
            }
        }
        let again = document.replayed().and_then(|again| again.bytes()).map_err(|error| broken(error.to_string()))?;
        if let Some(at) = first_difference(&kept.bytes, &again) {
            return Err(broken(format!("priced again from its snapshot, it differs from byte {at} on")));
        }
        self.hashes.push(found);
        Ok(document)
    }
}

/// Where two byte strings part; `None` if they are the same.
pub fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    if one == other {
        return None;
    }
    Some(one.iter().zip(other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len())))
}
