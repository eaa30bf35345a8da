//! Issued documents as others read them: UBL 2.1 for machines, PDF for people, CSV and XML of meters for other systems.
//!
//! [`paper`] is what all of them say, made from a document and the [`party`] fields of the configuration; [`words`] says it in
//! four languages; [`ubl`], [`pdf`] and [`meters`] only write it down. All pure.

pub mod meters;
pub mod paper;
pub mod party;
pub mod pdf;
pub mod ubl;
pub mod words;
mod xml;

pub use paper::{Paper, PaperError};
pub use party::Papers;
pub use words::Language;
