//! Copies of a data folder: what a snapshot, a backup or a cloned disk holds.

use std::path::Path;

use anyhow::{Context, Result};

/// Copies files and folders below `from`; what stood in `to` before is gone. The owner of the data must not run meanwhile.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to).with_context(|| format!("empty {}", to.display()))?;
    }
    copy_into(from, to).with_context(|| format!("copy {} to {}", from.display(), to.display()))
}

fn copy_into(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_into(&entry.path(), &target)?;
        } else if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
