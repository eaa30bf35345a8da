//! Reads profiles: those compiled in, and those of a folder. An error names file, line and what to do.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use super::file::File;

/// Every built-in profile: file name and text.
const BUILTIN: &[(&str, &str)] = &[
    // Before the profile of the maker, whose words it gives another meaning.
    ("brother-ink.toml", include_str!("../../../profiles/brother-ink.toml")),
    ("brother.toml", include_str!("../../../profiles/brother.toml")),
    ("canon.toml", include_str!("../../../profiles/canon.toml")),
    ("dell.toml", include_str!("../../../profiles/dell.toml")),
    ("epson.toml", include_str!("../../../profiles/epson.toml")),
    ("fujifilm.toml", include_str!("../../../profiles/fujifilm.toml")),
    ("konicaminolta.toml", include_str!("../../../profiles/konicaminolta.toml")),
    ("kyocera.toml", include_str!("../../../profiles/kyocera.toml")),
    ("lexmark.toml", include_str!("../../../profiles/lexmark.toml")),
    ("oki.toml", include_str!("../../../profiles/oki.toml")),
    ("pantum.toml", include_str!("../../../profiles/pantum.toml")),
    ("ricoh.toml", include_str!("../../../profiles/ricoh.toml")),
    ("samsung.toml", include_str!("../../../profiles/samsung.toml")),
    ("sharp.toml", include_str!("../../../profiles/sharp.toml")),
    ("toshiba.toml", include_str!("../../../profiles/toshiba.toml")),
    ("xerox.toml", include_str!("../../../profiles/xerox.toml")),
    ("zebra.toml", include_str!("../../../profiles/zebra.toml")),
    ("labels.toml", include_str!("../../../profiles/labels.toml")),
    // Last, because its objects are imitated by others.
    ("hp.toml", include_str!("../../../profiles/hp.toml")),
];

/// Files in a folder, and bytes of one; the largest built-in profile has 4 KB.
const FILES_MAX: usize = 256;
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Objects that one profile may name; a full read of a device that is in trouble must end.
const OBJECTS_MAX: usize = 512;

#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("read the folder of profiles {path}: {source}; make it, or leave snmp.profiles_dir out")]
    Folder { path: String, source: std::io::Error },
    #[error("read the profile {path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("profile {path}, line {line}: {what}")]
    Line { path: String, line: usize, what: String },
    #[error("profile {path}: {what}")]
    File { path: String, what: String },
    #[error(
        "the folder of profiles {path} has more than {FILES_MAX} files ending in .toml; only those of this site belong there"
    )]
    Many { path: String },
}

/// Parsed once. A built-in profile that cannot be read is left out; a test reads each.
pub(super) fn builtin() -> Arc<[Arc<File>]> {
    static PARSED: LazyLock<Arc<[Arc<File>]>> =
        LazyLock::new(|| BUILTIN.iter().filter_map(|(name, text)| parse(name, text).ok()).map(Arc::new).collect());
    Arc::clone(&PARSED)
}

pub(super) fn with_folder(folder: &Path) -> Result<Arc<[Arc<File>]>, ProfileError> {
    let name = folder.display().to_string();
    let unread = |source| ProfileError::Folder { path: name.clone(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            if paths.len() == FILES_MAX {
                return Err(ProfileError::Many { path: name });
            }
            paths.push(path);
        }
    }
    paths.sort();
    let mut files: Vec<Arc<File>> = Vec::new();
    for path in paths {
        let file = read(&path)?;
        if files.iter().any(|other| other.name == file.name) {
            let what = format!("another file of the folder has the name {:?} too; rename one", file.name);
            return Err(ProfileError::File { path: path.display().to_string(), what });
        }
        files.push(Arc::new(file));
    }
    let own: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    files.extend(builtin().iter().filter(|file| !own.contains(&file.name)).cloned());
    Ok(files.into())
}

fn read(path: &Path) -> Result<File, ProfileError> {
    let name = path.display().to_string();
    let unread = |source| ProfileError::Read { path: name.clone(), source };
    let bytes = std::fs::metadata(path).map_err(unread)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(ProfileError::File {
            path: name,
            what: format!("{bytes} bytes; at most {FILE_BYTES_MAX} are read"),
        });
    }
    parse(&name, &std::fs::read_to_string(path).map_err(unread)?)
}

fn parse(path: &str, text: &str) -> Result<File, ProfileError> {
    let file: File = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        ProfileError::Line { path: path.to_owned(), line, what: error.message().replace('\n', " ") }
    })?;
    check(&file).map_err(|what| ProfileError::File { path: path.to_owned(), what })?;
    Ok(file)
}

/// What the shape alone cannot refuse.
fn check(file: &File) -> Result<(), String> {
    if file.name.is_empty()
        || !file.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        return Err(format!("name = {:?}; write lower-case letters, digits and -", file.name));
    }
    if file.matches.object_id.is_empty() && file.matches.describes.is_empty() {
        return Err("[match] names no device; give object_id or describes".into());
    }
    if let Some(short) = file.matches.object_id.iter().find(|oid| oid.enterprise().is_none()) {
        return Err(format!(
            "[match] object_id {short} would fit every device; begin with 1.3.6.1.4.1 and a maker's number"
        ));
    }
    for meter in &file.meters {
        if meter.oid.0.is_empty() == meter.sum.is_empty() {
            return Err(format!("[[meter]] {:?} has either oid or sum", meter.name.0));
        }
    }
    let objects =
        file.meters.iter().map(|meter| meter.oid.0.len() + meter.sum.len() + meter.also.len() + meter.less.len());
    let rows = file.tables.iter().map(|table| table.meters.len());
    if objects.chain(rows).sum::<usize>() > OBJECTS_MAX {
        return Err(format!("more than {OBJECTS_MAX} objects; split it into profiles of fewer models"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_can_be_read_and_has_the_name_of_its_file() {
        for (path, text) in BUILTIN {
            let file = parse(path, text).unwrap();
            assert_eq!(format!("{}.toml", file.name), *path);
        }
        assert_eq!(builtin().len(), BUILTIN.len());
    }

    #[test]
    fn an_error_names_the_file_the_line_and_what_to_write() {
        let start = "name = \"acme\"\n[match]\nobject_id = [\"1.3.6.1.4.1.9\"]\n";
        let meter = |line: &str| format!("{start}[[meter]]\nname = \"total\"\n{line}\n");
        for (text, parts) in [
            (meter("oid = \"1.3.six\"\nsure = \"proven\""), &["x.toml, line 6", "1.3.6.1.2.1.1.1.0"][..]),
            (meter("oid = \"1.3.6.1.4.1.9.1\"\nsure = \"certain\""), &["line 7", "proven"]),
            (meter("oid = \"1.3.6.1.4.1.9.1\"\nsure = \"proven\"\nunits = \"sheets\""), &["line 8", "unit"]),
            (meter("sure = \"proven\""), &["x.toml", "either oid or sum"]),
            (format!("{start}[[derive]]\nname = \"Total Pages\"\nadd = []\n"), &["line 5", "begin with a letter"]),
            (
                format!(
                    "{start}[[blob]]\noid = \"1.3.6.1\"\nsure = \"proven\"\nwords = [{{ word = \"zz\", meter = \"a\" }}]\n"
                ),
                &["line 7", "hexadecimal"],
            ),
            ("name = \"acme\"\n[match]\nobject_id = [\"1.3.6.1\"]\n".to_owned(), &["every device"]),
            ("name = \"acme\"\n[match]\n".to_owned(), &["names no device"]),
        ] {
            let error = parse("x.toml", &text).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn a_profile_of_the_folder_replaces_the_built_in_one_of_its_name_and_two_of_one_name_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = "name = \"sharp\"\n[match]\nobject_id = [\"1.3.6.1.4.1.2385\"]\n";
        std::fs::write(folder.path().join("ours.toml"), text).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "not a profile").unwrap();
        let files = with_folder(folder.path()).unwrap();
        assert_eq!(files.len(), BUILTIN.len());
        assert!(files[0].name == "sharp" && files[0].tables.is_empty());
        std::fs::write(folder.path().join("theirs.toml"), text).unwrap();
        let error = with_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("theirs.toml") && error.contains("rename"), "{error}");
        let error = with_folder(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("profiles_dir"), "{error}");
    }
}
